// tokens.h5 keeps the tokenised examples of a run on disk; docs/formats.md has the file.
//
// Usage:   write_token_file(path, data);   TokenData data = read_token_file(path);
//          check_token_file_matches(data.origin, path, {.tokenizer_sha256 = ...});
// Writing is atomic: the file is there whole or not at all. Threads: HDF5 calls are serialised by
// one mutex; several processes may read one file at once. Throws std::system_error for a missing
// file or a failing disk, FileError for a file that is truncated, damaged, no token file
// or of another version (all name the path), std::invalid_argument for contents that contradict
// each other or another run's tokenizer, template, prompt or model.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "data_pipeline/tokens/token_data.h"

namespace candor::data {

inline constexpr int64_t kTokenFileVersion = 1;

void write_token_file(const std::string& path, const TokenData& data);
TokenData read_token_file(const std::string& path);

// Throws std::invalid_argument that says which of the five differs in the file at `path` and what
// to do. An empty expectation isn't compared.
void check_token_file_matches(const TokenOrigin& origin, std::string_view path,
                              const TokenOrigin& expected);

}  // namespace candor::data
