#include "data_pipeline/tokens/token_data.h"

#include <algorithm>
#include <functional>
#include <stdexcept>

#include <fmt/format.h>

namespace candor::data {
namespace {

// Longer names would make the fixed-width columns of the file explode.
constexpr size_t kMaxNameBytes = 4096;

template <class... Values>
[[noreturn]] void refuse(fmt::format_string<Values...> format, Values&&... values) {
  throw std::invalid_argument(fmt::format(format, std::forward<Values>(values)...));
}

void check_offsets(const PackedTokens& sequences, std::string_view name, std::string_view where) {
  const std::vector<uint64_t>& offsets = sequences.offsets;
  if (offsets.empty() || offsets.front() != 0 || offsets.back() != sequences.ids.size() ||
      std::adjacent_find(offsets.begin(), offsets.end(), std::greater_equal<>()) != offsets.end())
    refuse("{}: {} must rise from 0 to {} without an empty entry", where, name,
           sequences.ids.size());
}

void check_length(size_t got, size_t expected, std::string_view name, std::string_view where) {
  if (got != expected) refuse("{}: {} has {} elements, expected {}", where, name, got, expected);
}

void check_name(const std::string& name, size_t example, std::string_view column,
                std::string_view where) {
  if (name.size() > kMaxNameBytes)
    refuse("{}: {} of example {} has {} bytes, the most is {}", where, column, example, name.size(),
           kMaxNameBytes);
  if (name.find('\0') != std::string::npos)
    refuse("{}: {} of example {} holds a NUL byte", where, column, example);
}

void check_parents(const TokenData& data, std::string_view where) {
  check_length(data.prefix_parent.size(), data.prefixes.size(), "prefix_parent", where);
  for (size_t p = 0; p < data.prefix_parent.size(); ++p) {
    // A parent comes earlier, so chains end.
    const int32_t parent = data.prefix_parent[p];
    if (parent < -1 || parent >= static_cast<int64_t>(p))
      refuse("{}: prefix {} has parent {}, expected -1 or an earlier prefix", where, p, parent);
  }
}

void check_levels(const ConfidenceLevels& levels, std::string_view where) {
  if (levels.ids.size() < 2)
    refuse("{}: it names {} confidence levels, at least 2 are needed", where, levels.ids.size());
  check_length(levels.values.size(), levels.ids.size(), "level_values", where);
  for (const double value : levels.values) {
    if (!(value >= 0.0 && value <= 1.0))
      refuse("{}: level values must be between 0 and 1, got {}", where, value);
  }
}

void check_example(const TokenData& data, size_t i, std::string_view where) {
  const Example& example = data.examples[i];
  check_name(example.id, i, "example_id", where);
  check_name(example.dataset, i, "dataset", where);
  check_name(example.entity, i, "entity", where);
  check_name(example.split, i, "split", where);
  const size_t length = data.suffix(i).size();
  const auto fail = [&](const std::string& what) {
    refuse("{}: example \"{}\" (number {}): {}", where, example.id, i, what);
  };
  if (example.prefix < -1 || example.prefix >= static_cast<int64_t>(data.prefixes.size()))
    fail(fmt::format("there is no prefix {}", example.prefix));
  if (example.confidence_position >= length ||
      example.marker_position > example.confidence_position) {
    fail(fmt::format("marker at {} and confidence at {} don't fit a suffix of {} tokens",
                     example.marker_position, example.confidence_position, length));
  }
  if (example.response_begin < 1 || example.response_begin > example.response_end ||
      example.response_end > length) {
    fail(fmt::format(
        "response tokens [{}, {}) don't fit a suffix of {} tokens that begins before them",
        example.response_begin, example.response_end, length));
  }
  if (example.response_end > example.marker_position) {
    fail(fmt::format("the response ends at token {}, behind the marker's begin at {}",
                     example.response_end, example.marker_position));
  }
  if (!(example.target >= 0.0F && example.target <= 1.0F))
    fail(fmt::format("the target must be between 0 and 1, got {}", example.target));
}

}  // namespace

std::span<const uint32_t> PackedTokens::at(size_t sequence) const {
  return std::span(ids).subspan(offsets.at(sequence), offsets.at(sequence + 1) - offsets[sequence]);
}

void PackedTokens::push_back(std::span<const uint32_t> sequence) {
  ids.insert(ids.end(), sequence.begin(), sequence.end());
  offsets.push_back(ids.size());
}

std::vector<uint32_t> TokenData::full_prefix(int32_t prefix) const {
  std::vector<uint32_t> result;
  for (; prefix >= 0; prefix = prefix_parent.at(static_cast<size_t>(prefix))) {
    const std::span<const uint32_t> own = prefixes.at(static_cast<size_t>(prefix));
    result.insert(result.begin(), own.begin(), own.end());
  }
  return result;
}

std::vector<std::string> TokenData::ids_of(std::span<const int64_t> chosen) const {
  std::vector<std::string> ids;
  for (const int64_t example : chosen) ids.push_back(examples[static_cast<size_t>(example)].id);
  return ids;
}

size_t TokenData::example_length(size_t example) const {
  size_t length = suffix(example).size();
  for (int32_t p = examples.at(example).prefix; p >= 0;
       p = prefix_parent.at(static_cast<size_t>(p)))
    length += prefixes.at(static_cast<size_t>(p)).size();
  return length;
}

void TokenData::add_prefix(std::span<const uint32_t> tokens, int32_t parent) {
  prefixes.push_back(tokens);
  prefix_parent.push_back(parent);
}

void TokenData::add_example(Example example, std::span<const uint32_t> suffix_tokens) {
  suffixes.push_back(suffix_tokens);
  examples.push_back(std::move(example));
}

void validate_token_data(const TokenData& data, std::string_view where) {
  check_offsets(data.suffixes, "offsets", where);
  check_offsets(data.prefixes, "prefix_offsets", where);
  if (data.suffixes.size() == 0) refuse("{}: it holds no examples", where);
  check_length(data.examples.size(), data.suffixes.size(), "examples", where);
  check_parents(data, where);
  check_levels(data.levels, where);
  for (size_t i = 0; i < data.examples.size(); ++i) check_example(data, i, where);
}

}  // namespace candor::data
