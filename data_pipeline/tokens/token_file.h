// tokens.h5: the tokenised examples of a run. In memory they are TokenData; docs/formats.md has the
// file.
//
// Usage:   write_token_file(path, data);   TokenData data = read_token_file(path);
// check_token_file_matches(data, path, tokenizer, ...);
// An example is [tokens of its prefix | tokens of its suffix]; positions stored per example count
// from the start of the *suffix*.
// Writing is atomic: the file is there whole or not at all. Threads: HDF5 calls are serialised by
// one mutex; several processes may read one file at once. Throws std::system_error for a missing
// file or a failing disk, FileError for a file that is truncated, damaged, no token file
// or of another version (all name the path), std::invalid_argument for contents that contradict
// each other or another run's tokenizer, template, prompt or model.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace candor::data {

inline constexpr int64_t kTokenFileVersion = 1;

// E examples, P prefixes.
struct TokenData {
  std::vector<uint32_t> prefix_tokens;  // flat
  std::vector<uint64_t>
      prefix_offsets;  // P+1; prefix p is prefix_tokens[prefix_offsets[p], prefix_offsets[p+1])
  std::vector<int32_t> prefix_parent;  // P; -1, or an earlier prefix whose tokens come first
  std::vector<int32_t> prefix_index;   // E; -1 = no prefix

  std::vector<uint32_t> tokens;               // flat, suffixes
  std::vector<uint64_t> offsets;              // E+1
  std::vector<uint32_t> confidence_position;  // E; the row that predicts the level
  std::vector<uint32_t> marker_position;      // E; first token of the marker
  std::vector<uint32_t> response_begin;  // E; at least 1, so that the row which predicts the first
                                         // response token is in the suffix
  std::vector<uint32_t> response_end;    // E
  std::vector<float> target;             // E; in [0, 1]; 0 where not graded
  std::vector<uint8_t> graded;           // E; 0 = no label: leave it out of losses and metrics

  std::vector<std::string> example_id, dataset, entity, split;  // E each

  std::vector<uint32_t> level_ids;   // N+1
  std::vector<double> level_values;  // N+1

  std::string tokenizer_sha256, template_sha256, prompt_sha256, model_identity;

  size_t examples() const { return offsets.empty() ? 0 : offsets.size() - 1; }
  size_t prefixes() const { return prefix_offsets.empty() ? 0 : prefix_offsets.size() - 1; }
  std::span<const uint32_t> suffix(size_t example) const;
  std::vector<uint32_t> full_prefix(
      int32_t prefix) const;  // with the tokens of its parents in front; empty for -1
  size_t example_length(size_t example) const;  // prefix and suffix

  bool operator==(const TokenData&) const = default;
};

// Checks that sizes, offsets, positions, targets and indices fit each other; `where` names the
// source in the message.
void validate_token_data(const TokenData& data, std::string_view where);

void write_token_file(const std::string& path, const TokenData& data);
TokenData read_token_file(const std::string& path);

// Throws std::invalid_argument that says which of the four differs in the file at `path` and what
// to do. An empty expectation isn't compared.
void check_token_file_matches(const TokenData& data, std::string_view path,
                              std::string_view tokenizer_sha256, std::string_view template_sha256,
                              std::string_view prompt_sha256, std::string_view model_identity);

}  // namespace candor::data
