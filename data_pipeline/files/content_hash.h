// A fast 128-bit hash of bytes in memory, as 32 hex digits: enough to notice that they changed, not meant to withstand forgery. XXH3-128.
#pragma once

#include <cstddef>
#include <span>
#include <string>

namespace candor {

std::string content_hash(std::span<const std::byte> bytes);

}  // namespace candor
