// Reads a whole file.
#pragma once

#include <string>

namespace candor::data {

// Throws std::system_error naming the path: missing, not readable, a folder. For small files; large
// ones are mapped (mapped_file.h).
std::string read_file(const std::string& path);

}  // namespace candor::data
