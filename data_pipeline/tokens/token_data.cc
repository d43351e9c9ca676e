#include <algorithm>
#include <stdexcept>

#include <fmt/format.h>

#include "data_pipeline/tokens/token_file.h"

namespace candor::data {
namespace {

// Longer names would make the fixed-width columns of the file explode.
constexpr size_t kMaxNameBytes = 4096;

void check_offsets(std::span<const uint64_t> offsets, size_t tokens, std::string_view name,
                   std::string_view where) {
  if (offsets.empty() || offsets.front() != 0 || offsets.back() != tokens ||
      std::adjacent_find(offsets.begin(), offsets.end(), std::greater_equal<>()) != offsets.end()) {
    throw std::invalid_argument(
        fmt::format("{}: {} must rise from 0 to {} without an empty entry", where, name, tokens));
  }
}

void check_length(size_t got, size_t expected, std::string_view name, std::string_view where) {
  if (got != expected)
    throw std::invalid_argument(
        fmt::format("{}: {} has {} elements, expected {}", where, name, got, expected));
}

void check_names(const std::vector<std::string>& names, size_t expected, std::string_view column,
                 std::string_view where) {
  check_length(names.size(), expected, column, where);
  for (size_t i = 0; i < names.size(); ++i) {
    if (names[i].size() > kMaxNameBytes) {
      throw std::invalid_argument(fmt::format("{}: {} of example {} has {} bytes, the most is {}",
                                              where, column, i, names[i].size(), kMaxNameBytes));
    }
    if (names[i].find('\0') != std::string::npos)
      throw std::invalid_argument(
          fmt::format("{}: {} of example {} holds a NUL byte", where, column, i));
  }
}

void check_example(const TokenData& data, size_t i, std::string_view where) {
  const uint64_t length = data.offsets[i + 1] - data.offsets[i];
  const auto fail = [&](std::string_view what) {
    throw std::invalid_argument(
        fmt::format("{}: example \"{}\" (number {}): {}", where, data.example_id[i], i, what));
  };
  if (data.prefix_index[i] < -1 || data.prefix_index[i] >= static_cast<int64_t>(data.prefixes()))
    fail(fmt::format("there is no prefix {}", data.prefix_index[i]));
  if (data.confidence_position[i] >= length ||
      data.marker_position[i] > data.confidence_position[i]) {
    fail(fmt::format("marker at {} and confidence at {} don't fit a suffix of {} tokens",
                     data.marker_position[i], data.confidence_position[i], length));
  }
  if (data.response_begin[i] < 1 || data.response_begin[i] > data.response_end[i] ||
      data.response_end[i] > length) {
    fail(fmt::format(
        "response tokens [{}, {}) don't fit a suffix of {} tokens that begins before them",
        data.response_begin[i], data.response_end[i], length));
  }
  if (data.response_end[i] > data.marker_position[i]) {
    fail(fmt::format("the response ends at token {}, behind the marker's begin at {}",
                     data.response_end[i], data.marker_position[i]));
  }
  if (!(data.target[i] >= 0.0F && data.target[i] <= 1.0F))
    fail(fmt::format("the target must be between 0 and 1, got {}", data.target[i]));
  if (data.graded[i] > 1) fail(fmt::format("graded must be 0 or 1, got {}", data.graded[i]));
}

}  // namespace

std::span<const uint32_t> TokenData::suffix(size_t example) const {
  return std::span(tokens).subspan(offsets.at(example), offsets.at(example + 1) - offsets[example]);
}

std::vector<uint32_t> TokenData::full_prefix(int32_t prefix) const {
  std::vector<uint32_t> result;
  for (; prefix >= 0; prefix = prefix_parent.at(static_cast<size_t>(prefix))) {
    const auto p = static_cast<size_t>(prefix);
    const auto own =
        std::span(prefix_tokens)
            .subspan(prefix_offsets.at(p), prefix_offsets.at(p + 1) - prefix_offsets[p]);
    result.insert(result.begin(), own.begin(), own.end());
  }
  return result;
}

size_t TokenData::example_length(size_t example) const {
  size_t length = offsets.at(example + 1) - offsets[example];
  for (int32_t p = prefix_index.at(example); p >= 0; p = prefix_parent.at(static_cast<size_t>(p))) {
    length +=
        prefix_offsets.at(static_cast<size_t>(p) + 1) - prefix_offsets[static_cast<size_t>(p)];
  }
  return length;
}

void validate_token_data(const TokenData& data, std::string_view where) {
  check_offsets(data.offsets, data.tokens.size(), "offsets", where);
  check_offsets(data.prefix_offsets, data.prefix_tokens.size(), "prefix_offsets", where);
  const size_t examples = data.examples();
  const size_t prefixes = data.prefixes();
  if (examples == 0) throw std::invalid_argument(fmt::format("{}: it holds no examples", where));
  check_length(data.prefix_parent.size(), prefixes, "prefix_parent", where);
  check_length(data.prefix_index.size(), examples, "prefix_index", where);
  check_length(data.confidence_position.size(), examples, "confidence_position", where);
  check_length(data.marker_position.size(), examples, "marker_position", where);
  check_length(data.response_begin.size(), examples, "response_begin", where);
  check_length(data.response_end.size(), examples, "response_end", where);
  check_length(data.target.size(), examples, "target", where);
  check_length(data.graded.size(), examples, "graded", where);
  check_names(data.example_id, examples, "example_id", where);
  check_names(data.dataset, examples, "dataset", where);
  check_names(data.entity, examples, "entity", where);
  check_names(data.split, examples, "split", where);
  if (data.level_ids.size() < 2)
    throw std::invalid_argument(fmt::format(
        "{}: it names {} confidence levels, at least 2 are needed", where, data.level_ids.size()));
  check_length(data.level_values.size(), data.level_ids.size(), "level_values", where);

  for (size_t p = 0; p < prefixes; ++p) {
    // A parent comes earlier, so chains end.
    if (data.prefix_parent[p] < -1 || data.prefix_parent[p] >= static_cast<int64_t>(p)) {
      throw std::invalid_argument(
          fmt::format("{}: prefix {} has parent {}, expected -1 or an earlier prefix", where, p,
                      data.prefix_parent[p]));
    }
  }
  for (size_t i = 0; i < examples; ++i) check_example(data, i, where);
  for (const double value : data.level_values) {
    if (!(value >= 0.0 && value <= 1.0))
      throw std::invalid_argument(
          fmt::format("{}: level values must be between 0 and 1, got {}", where, value));
  }
}

void check_token_file_matches(const TokenData& data, std::string_view path,
                              std::string_view tokenizer_sha256, std::string_view template_sha256,
                              std::string_view prompt_sha256, std::string_view model_identity) {
  const auto compare = [path](std::string_view what, std::string_view got,
                              std::string_view expected, std::string_view hint) {
    if (expected.empty() || got == expected) return;
    throw std::invalid_argument(
        fmt::format("{} was made with another {} (file: {:.12}, this run: {:.12}); {}, or run "
                    "`candor prepare` again",
                    path, what, got, expected, hint));
  };
  compare("tokenizer", data.tokenizer_sha256, tokenizer_sha256,
          "use the model folder it was made with");
  compare("chat template", data.template_sha256, template_sha256,
          "use the template it was made with");
  compare("prompt", data.prompt_sha256, prompt_sha256, "undo the change in the prompt: block");
  compare("model", data.model_identity, model_identity, "use the model it was made with");
}

}  // namespace candor::data
