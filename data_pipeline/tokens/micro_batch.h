// A micro-batch is the unit of all work: a few examples are packed without padding, and it says who
// attends to what. It is cut before ranks are considered, so that no result depends on them.
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
  int64_t begin = 0;     // The first row in T.
  int64_t length = 0;    // It has at least 1 row.
  int64_t parent = -1;   // The index of the prefix's segment; -1 stands for none.
  int64_t position = 0;  // The first token has this RoPE position.

  bool operator==(const Segment&) const = default;
};

struct MicroBatch {
  std::vector<uint32_t> tokens_T;
  std::vector<Segment> segments;          // Those of prefixes come first.
  std::vector<int64_t> confidence_row_B;  // The logits of this row in T predict the level.
  std::vector<int64_t> marker_row_B;      // The marker's first token is in this row in T.
  std::vector<int64_t> example_B;         // It counts in the examples of TokenData.
  std::vector<float> target_B;
  // The response tokens are in rows [begin, end); row begin - 1 predicts the first of them.
  std::vector<std::pair<int64_t, int64_t>> response_rows_B;

  bool operator==(const MicroBatch&) const = default;
};

// Throws std::out_of_range for an example the data doesn't have. `data` must have passed
// validate_token_data.
MicroBatch make_micro_batch(const TokenData& data, std::span<const int64_t> examples,
                            bool share_prefix);

// Returns T of that micro-batch without making it.
int64_t micro_batch_tokens(const TokenData& data, std::span<const int64_t> examples,
                           bool share_prefix);

// The groups are consecutive and of micro_batch_examples; the last may be smaller, and nothing is
// dropped.
std::vector<std::vector<int64_t>> cut_micro_batches(std::span<const int64_t> examples,
                                                    int64_t micro_batch_examples);

}  // namespace candor::data
