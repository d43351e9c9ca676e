#include "data_pipeline/files/sha256.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <openssl/evp.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <memory>
#include <stdexcept>
#include <system_error>
#include <vector>

namespace candor::data {
void Sha256Hasher::Free::operator()(evp_md_ctx_st* context) const { EVP_MD_CTX_free(context); }

Sha256Hasher::Sha256Hasher() : context_(EVP_MD_CTX_new()) {
  if (!context_ || EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr) != 1)
    throw std::runtime_error("OpenSSL offers no SHA-256");
}

Sha256Hasher::~Sha256Hasher() = default;

void Sha256Hasher::add(std::span<const std::byte> bytes) {
  if (EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()) != 1)
    throw std::runtime_error("OpenSSL failed while hashing");
}

std::string Sha256Hasher::hex() {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size_bytes = 0;
  if (EVP_DigestFinal_ex(context_.get(), digest.data(), &size_bytes) != 1)
    throw std::runtime_error("OpenSSL failed while hashing");
  std::string text;
  for (unsigned int i = 0; i < size_bytes; ++i) text += fmt::format("{:02x}", digest[i]);
  return text;
}

std::string sha256_hex(std::string_view bytes) {
  Sha256Hasher hash;
  hash.add(std::as_bytes(std::span(bytes)));
  return hash.hex();
}

std::string sha256_file_hex(const std::string& path) {
  struct Descriptor {
    int value;
    ~Descriptor() {
      if (value >= 0) ::close(value);
    }
  } file{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  if (file.value < 0)
    throw std::system_error(errno, std::generic_category(), fmt::format("cannot open {}", path));
  Sha256Hasher hash;
  std::vector<std::byte> buffer(1 << 20);
  while (true) {
    const ssize_t got = ::read(file.value, buffer.data(), buffer.size());
    if (got == 0) return hash.hex();
    if (got > 0) {
      hash.add(std::span(buffer).first(static_cast<std::size_t>(got)));
    } else if (errno != EINTR) {
      throw std::system_error(errno, std::generic_category(), fmt::format("cannot read {}", path));
    }
  }
}

}  // namespace candor::data
