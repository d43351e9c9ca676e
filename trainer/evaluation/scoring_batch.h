// How many examples are scored at a time where nobody says another number.
#pragma once

#include <cstdint>

namespace candor::trainer {

inline constexpr int64_t kScoringBatchExamples = 16;

}  // namespace candor::trainer
