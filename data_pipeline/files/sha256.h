// SHA-256 (FIPS 180-4) as 64 lower-case hex digits.
#pragma once

#include <string>
#include <string_view>

namespace candor {

std::string sha256_hex(std::string_view bytes);

// Reads the file in pieces, so any size will do. Throws std::system_error if it can't be read.
std::string sha256_file_hex(const std::string& path);

}  // namespace candor
