// SHA-256 (FIPS 180-4) as 64 lower-case hex digits.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

struct evp_md_ctx_st;

namespace candor::data {

std::string sha256_hex(std::string_view bytes);

// Reads the file in pieces, so any size will do. Throws std::system_error if it can't be read.
std::string sha256_file_hex(const std::string& path);

// The same piece by piece. hex() ends it.
class Sha256Hasher {
 public:
  Sha256Hasher();
  ~Sha256Hasher();

  void add(std::span<const std::byte> bytes);
  std::string hex();

 private:
  struct Free {
    void operator()(evp_md_ctx_st* context) const;
  };
  std::unique_ptr<evp_md_ctx_st, Free> context_;
};

}  // namespace candor::data
