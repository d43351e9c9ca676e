// A fast 128-bit hash of bytes, as 32 hex digits: enough to notice that they changed, not meant to
// withstand forgery. XXH3-128.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>

struct XXH3_state_s;

namespace candor::data {

std::string content_hash(std::span<const std::byte> bytes);

// The same piece by piece.
class ContentHasher {
 public:
  ContentHasher();
  ~ContentHasher();

  void add(std::span<const std::byte> bytes);
  std::string hash() const;

 private:
  struct Free {
    void operator()(XXH3_state_s* state) const;
  };
  std::unique_ptr<XXH3_state_s, Free> state_;
};

}  // namespace candor::data
