// The hash of a large file in a small one beside it, PATH.hash: for caches that are mapped, not
// parsed, so that nothing else would notice a changed bit.
//
// Written after the file, so a file without it, or with that of a file before it, is one that isn't
// finished.
#pragma once

#include <string>

namespace candor::data {

// PATH.hash.
std::string path_of_hash_beside(const std::string& path);

// hash: content_hash() of the whole file. Throws std::system_error.
void write_hash_beside(const std::string& path, const std::string& hash);

// Reads the whole file. False where either isn't there.
bool matches_hash_beside(const std::string& path);

}  // namespace candor::data
