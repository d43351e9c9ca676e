// The one rule for when a model's confidences have collapsed to nearly one for everything: at most
// two levels said by greedy decoding, or an expectation that hardly spreads.
//
// A constant confidence has nearly the lowest ECE, so calibration error alone can't show it.
// Why it happens: docs/design.md ("Why the objective is a schedule").
#pragma once

#include <cstdint>

namespace candor::trainer {

// spread: the standard deviation of the expectation; NaN where it isn't known.
inline bool have_collapsed(int64_t distinct_levels, double spread) {
  return distinct_levels <= 2 || spread < 0.02;
}

}  // namespace candor::trainer
