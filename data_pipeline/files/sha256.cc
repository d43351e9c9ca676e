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

namespace candor {
namespace {

class Sha256 {
 public:
  Sha256() : context_(EVP_MD_CTX_new(), &EVP_MD_CTX_free) {
    if (!context_ || EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr) != 1) throw std::runtime_error("OpenSSL offers no SHA-256");
  }

  void update(const void* data, std::size_t size_bytes) {
    if (EVP_DigestUpdate(context_.get(), data, size_bytes) != 1) throw std::runtime_error("OpenSSL failed while hashing");
  }

  std::string finish_hex() {
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned int size_bytes = 0;
    if (EVP_DigestFinal_ex(context_.get(), digest.data(), &size_bytes) != 1) throw std::runtime_error("OpenSSL failed while hashing");
    std::string hex;
    for (unsigned int i = 0; i < size_bytes; ++i) hex += fmt::format("{:02x}", digest[i]);
    return hex;
  }

 private:
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context_;
};

}  // namespace

std::string sha256_hex(std::string_view bytes) {
  Sha256 hash;
  hash.update(bytes.data(), bytes.size());
  return hash.finish_hex();
}

std::string sha256_file_hex(const std::string& path) {
  struct Descriptor {
    int value;
    ~Descriptor() {
      if (value >= 0) ::close(value);
    }
  } file{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  if (file.value < 0) throw std::system_error(errno, std::generic_category(), fmt::format("cannot open {}", path));
  Sha256 hash;
  std::vector<char> buffer(1 << 20);
  while (true) {
    const ssize_t got = ::read(file.value, buffer.data(), buffer.size());
    if (got == 0) return hash.finish_hex();
    if (got > 0) {
      hash.update(buffer.data(), static_cast<std::size_t>(got));
    } else if (errno != EINTR) {
      throw std::system_error(errno, std::generic_category(), fmt::format("cannot read {}", path));
    }
  }
}

}  // namespace candor
