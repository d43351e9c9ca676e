#include "data_pipeline/tokens/micro_batch.h"

#include <algorithm>
#include <map>
#include <stdexcept>

#include <fmt/format.h>

namespace candor::data {
namespace {

size_t checked_example(const TokenData& data, int64_t example) {
  if (example < 0 || static_cast<size_t>(example) >= data.examples.size()) {
    throw std::out_of_range(
        fmt::format("micro-batch: example {} of {}", example, data.examples.size()));
  }
  return static_cast<size_t>(example);
}

int64_t rows(size_t count) { return static_cast<int64_t>(count); }

}  // namespace

MicroBatch make_micro_batch(const TokenData& data, std::span<const int64_t> examples,
                            bool share_prefix) {
  MicroBatch batch;
  std::map<int32_t, int64_t> segment_of_prefix;
  if (share_prefix) {
    for (const int64_t example : examples) {  // Segments are in the order of first use.
      const int32_t prefix = data.examples[checked_example(data, example)].prefix;
      if (prefix < 0 || segment_of_prefix.contains(prefix)) continue;
      const std::vector<uint32_t> tokens = data.full_prefix(prefix);
      segment_of_prefix[prefix] = rows(batch.segments.size());
      batch.segments.push_back({.begin = rows(batch.tokens_T.size()),
                                .length = rows(tokens.size()),
                                .parent = -1,
                                .position = 0});
      batch.tokens_T.insert(batch.tokens_T.end(), tokens.begin(), tokens.end());
    }
  }
  for (const int64_t example : examples) {
    const size_t i = checked_example(data, example);
    const Example& of = data.examples[i];
    Segment segment{.begin = rows(batch.tokens_T.size()), .length = 0, .parent = -1, .position = 0};
    if (share_prefix && of.prefix >= 0) {
      segment.parent = segment_of_prefix.at(of.prefix);
      segment.position = batch.segments[static_cast<size_t>(segment.parent)].length;
    } else {
      const std::vector<uint32_t> tokens = data.full_prefix(of.prefix);
      batch.tokens_T.insert(batch.tokens_T.end(), tokens.begin(), tokens.end());
    }
    const int64_t suffix_row = rows(batch.tokens_T.size());
    const std::span<const uint32_t> suffix = data.suffix(i);
    batch.tokens_T.insert(batch.tokens_T.end(), suffix.begin(), suffix.end());
    segment.length = rows(batch.tokens_T.size()) - segment.begin;
    batch.segments.push_back(segment);
    batch.confidence_row_B.push_back(suffix_row + of.confidence_position);
    batch.marker_row_B.push_back(suffix_row + of.marker_position);
    batch.example_B.push_back(example);
    batch.target_B.push_back(of.target);
    batch.response_rows_B.emplace_back(suffix_row + of.response_begin,
                                       suffix_row + of.response_end);
  }
  return batch;
}

int64_t micro_batch_tokens(const TokenData& data, std::span<const int64_t> examples,
                           bool share_prefix) {
  int64_t total = 0;
  std::map<int32_t, bool> seen;
  for (const int64_t example : examples) {
    const size_t i = checked_example(data, example);
    const int32_t prefix = data.examples[i].prefix;
    const bool again = share_prefix && prefix >= 0 && !seen.emplace(prefix, true).second;
    total += again ? rows(data.suffix(i).size()) : rows(data.example_length(i));
  }
  return total;
}

std::vector<std::vector<int64_t>> cut_micro_batches(std::span<const int64_t> examples,
                                                    int64_t micro_batch_examples) {
  if (micro_batch_examples < 1) {
    throw std::invalid_argument(fmt::format(
        "train.micro_batch_examples: expected at least 1, got {}", micro_batch_examples));
  }
  std::vector<std::vector<int64_t>> groups;
  for (size_t begin = 0; begin < examples.size();) {
    const size_t count =
        std::min(static_cast<size_t>(micro_batch_examples), examples.size() - begin);
    const auto part = examples.subspan(begin, count);
    groups.emplace_back(part.begin(), part.end());
    begin += count;
  }
  return groups;
}

}  // namespace candor::data
