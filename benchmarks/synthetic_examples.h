// Token data of one shape for benchmarks: train and validation examples of `suffix` random tokens
// behind one prefix of `prefix` tokens, half of them right, with ten levels.
#pragma once

#include <fmt/format.h>

#include "data_pipeline/tokens/token_data.h"

namespace candor::trainer {

inline data::TokenData synthetic_examples(int64_t prefix, int64_t suffix, int64_t train,
                                          int64_t validation, int64_t vocabulary) {
  data::TokenData data;
  uint64_t state = 1;
  const auto random_tokens = [&](int64_t count) {
    std::vector<uint32_t> tokens;
    for (int64_t t = 0; t < count; ++t) {
      state = state * 6364136223846793005ULL + 1442695040888963407ULL;
      tokens.push_back(static_cast<uint32_t>((state >> 33) % static_cast<uint64_t>(vocabulary)));
    }
    return tokens;
  };
  data.add_prefix(random_tokens(prefix));
  for (int64_t e = 0; e < train + validation; ++e)
    data.add_example({.id = fmt::format("e{}", e),
                      .dataset = "synthetic",
                      .entity = fmt::format("e{}", e),
                      .split = e < train ? "train" : "validation",
                      .prefix = 0,
                      .confidence_position = static_cast<uint32_t>(suffix - 1),
                      .marker_position = static_cast<uint32_t>(suffix - 1),
                      .response_begin = 1,
                      .response_end = 2,
                      .target = static_cast<float>(e % 2),
                      .graded = true},
                     random_tokens(suffix));
  for (uint32_t level = 0; level < 10; ++level) {
    data.levels.ids.push_back(level);
    data.levels.values.push_back(level / 9.0);
  }
  return data;
}

}  // namespace candor::trainer
