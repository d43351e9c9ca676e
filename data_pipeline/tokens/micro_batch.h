// The unit of all work: a few examples packed without padding, and who attends to what. Cut before
// ranks are considered, so that no result depends on them.
//
// share_prefix = true:  each distinct prefix is one segment (parent -1, position 0), then each
// example's suffix is one (parent = its prefix's segment,
//                       position = the prefix's length). A token attends to all of its parent and
//                       causally to its own segment.
// share_prefix = false: each example is one segment of prefix and suffix tokens (parent -1,
// position 0).
// Shapes: T tokens, B examples in the order asked for, S segments that tile [0, T) in order.
#pragma once

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "data_pipeline/tokens/token_data.h"

namespace candor::data {

struct Segment {
  int64_t begin = 0;     // first row in T
  int64_t length = 0;    // rows, at least 1
  int64_t parent = -1;   // segment index of the prefix, or -1
  int64_t position = 0;  // RoPE position of the first token

  bool operator==(const Segment&) const = default;
};

struct MicroBatch {
  std::vector<uint32_t> tokens_T;
  std::vector<Segment> segments;          // prefix segments first
  std::vector<int64_t> confidence_row_B;  // row in T whose logits predict the level
  std::vector<int64_t> marker_row_B;      // row in T of the marker's first token
  std::vector<int64_t> example_B;         // index into TokenData
  std::vector<float> target_B;
  std::vector<std::pair<int64_t, int64_t>>
      response_rows_B;  // rows [begin, end) of the response tokens; row begin-1 predicts the first
                        // of them

  bool operator==(const MicroBatch&) const = default;
};

// Throws std::out_of_range for an example the data doesn't have. `data` must have passed
// validate_token_data.
MicroBatch make_micro_batch(const TokenData& data, std::span<const int64_t> examples,
                            bool share_prefix);

// T of that micro-batch, without making it.
int64_t micro_batch_tokens(const TokenData& data, std::span<const int64_t> examples,
                           bool share_prefix);

// Consecutive groups of micro_batch_examples; the last may be smaller and nothing is dropped.
std::vector<std::vector<int64_t>> cut_micro_batches(std::span<const int64_t> examples,
                                                    int64_t micro_batch_examples);

}  // namespace candor::data
