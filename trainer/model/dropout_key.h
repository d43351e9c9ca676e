// The key of a dropout mask: a pure function of what the mask is for, so that it is the same on
// every rank and device, and backward can make it again.
//
// Usage:   dropout_key_of(seed, step, micro_batch), and below it dropout_key_of(key, layer,
// module).
#pragma once

#include <cstdint>

#include "data_pipeline/tokens/splitmix64.h"

namespace candor::trainer {

inline uint64_t dropout_key_of(uint64_t key, int64_t first, int64_t second) {
  for (const int64_t part : {first, second}) {
    key = data::splitmix64_finalize((key ^ static_cast<uint64_t>(part)) + data::kSplitMix64Gamma);
  }
  return key;
}

}  // namespace candor::trainer
