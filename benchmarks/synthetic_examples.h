// Token data of one shape for benchmarks: train and validation examples of `suffix` random tokens
// behind one prefix of `prefix` tokens, half of them right, with ten levels.
#pragma once

#include <fmt/format.h>

#include "data_pipeline/tokens/token_file.h"

namespace candor::trainer {

inline data::TokenData synthetic_examples(int64_t prefix, int64_t suffix, int64_t train,
                                          int64_t validation, int64_t vocabulary) {
  data::TokenData data;
  uint64_t state = 1;
  const auto add_tokens = [&](std::vector<uint32_t>& to, int64_t count) {
    for (int64_t t = 0; t < count; ++t) {
      state = state * 6364136223846793005ULL + 1442695040888963407ULL;
      to.push_back(static_cast<uint32_t>((state >> 33) % static_cast<uint64_t>(vocabulary)));
    }
  };
  add_tokens(data.prefix_tokens, prefix);
  data.prefix_offsets = {0, static_cast<uint64_t>(prefix)};
  data.prefix_parent = {-1};
  data.offsets = {0};
  for (int64_t e = 0; e < train + validation; ++e) {
    add_tokens(data.tokens, suffix);
    data.offsets.push_back(data.tokens.size());
    data.prefix_index.push_back(0);
    data.confidence_position.push_back(static_cast<uint32_t>(suffix - 1));
    data.marker_position.push_back(static_cast<uint32_t>(suffix - 1));
    data.response_begin.push_back(1);
    data.response_end.push_back(2);
    data.target.push_back(static_cast<float>(e % 2));
    data.graded.push_back(1);
    data.example_id.push_back(fmt::format("e{}", e));
    data.dataset.push_back("synthetic");
    data.entity.push_back(fmt::format("e{}", e));
    data.split.push_back(e < train ? "train" : "validation");
  }
  for (uint32_t level = 0; level < 10; ++level) {
    data.level_ids.push_back(level);
    data.level_values.push_back(level / 9.0);
  }
  return data;
}

}  // namespace candor::trainer
