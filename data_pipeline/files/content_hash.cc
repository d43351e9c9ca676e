#include "data_pipeline/files/content_hash.h"

#include <fmt/format.h>
#include <xxhash.h>

#include <new>

namespace candor::data {
namespace {

std::string text_of(const XXH128_hash_t& hash) {
  return fmt::format("{:016x}{:016x}", hash.high64, hash.low64);
}

}  // namespace

std::string content_hash(std::span<const std::byte> bytes) {
  return text_of(XXH3_128bits(bytes.data(), bytes.size()));
}

ContentHasher::ContentHasher() : state_(XXH3_createState()) {
  if (!state_) throw std::bad_alloc();
  XXH3_128bits_reset(state_.get());
}

ContentHasher::~ContentHasher() = default;

void ContentHasher::Free::operator()(XXH3_state_s* state) const { XXH3_freeState(state); }

void ContentHasher::add(std::span<const std::byte> bytes) {
  XXH3_128bits_update(state_.get(), bytes.data(), bytes.size());
}

std::string ContentHasher::hash() const { return text_of(XXH3_128bits_digest(state_.get())); }

}  // namespace candor::data
