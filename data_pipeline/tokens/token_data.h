// These are the tokenised examples of a run in memory; token_file.h keeps them in tokens.h5.
//
// An example is [tokens of its prefix | tokens of its suffix]. Positions in an example count from
// the start of its *suffix*.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace candor::data {

// Token sequences lie behind each other: sequence i is ids[offsets[i], offsets[i + 1]).
struct PackedTokens {
  std::vector<uint32_t> ids;
  std::vector<uint64_t> offsets{0};

  size_t size() const { return offsets.empty() ? 0 : offsets.size() - 1; }
  std::span<const uint32_t> at(size_t sequence) const;
  void push_back(std::span<const uint32_t> sequence);

  bool operator==(const PackedTokens&) const = default;
};

struct Example {
  std::string id{}, dataset{}, entity{}, split{};
  int32_t prefix = -1;               // -1 stands for none.
  uint32_t confidence_position = 0;  // This row predicts the level.
  uint32_t marker_position = 0;      // The marker begins with this token.
  // It is at least 1, so that the row which predicts the first response token is in the suffix.
  uint32_t response_begin = 1;
  uint32_t response_end = 1;
  float target = 0;     // It is in [0, 1], and 0 where there is no grade.
  bool graded = false;  // An example without a grade is left out of losses and metrics.

  bool operator==(const Example&) const = default;
};

// These tokens state a confidence; each has the value that it states, and values rise.
struct ConfidenceLevels {
  std::vector<uint32_t> ids;
  std::vector<double> values;  // They are in [0, 1].

  bool operator==(const ConfidenceLevels&) const = default;
};

// The tokens were made with these.
struct TokenOrigin {
  std::string tokenizer_sha256{}, template_sha256{}, prompt_sha256{}, model_identity{};
  std::string
      day{};  // that the prompts name, as 2026-05-01; empty where the template asks for none

  bool operator==(const TokenOrigin&) const = default;
};

struct TokenData {
  PackedTokens prefixes;
  // It is an earlier prefix whose tokens come first; -1 stands for none.
  std::vector<int32_t> prefix_parent;
  PackedTokens suffixes;  // There is one for each example.
  std::vector<Example> examples;
  ConfidenceLevels levels;
  TokenOrigin origin;

  std::span<const uint32_t> suffix(size_t example) const { return suffixes.at(example); }
  std::vector<std::string> ids_of(std::span<const int64_t> chosen) const;  // of examples by index
  // The tokens of its parents are in front; it is empty for -1.
  std::vector<uint32_t> full_prefix(int32_t prefix) const;
  size_t example_length(size_t example) const;  // It counts prefix and suffix.

  void add_prefix(std::span<const uint32_t> tokens, int32_t parent = -1);
  void add_example(Example example, std::span<const uint32_t> suffix_tokens);

  bool operator==(const TokenData&) const = default;
};

// Checks that sizes, offsets, positions, targets and indices fit each other; throws
// std::invalid_argument, in which `where` names the source.
void validate_token_data(const TokenData& data, std::string_view where);

}  // namespace candor::data
