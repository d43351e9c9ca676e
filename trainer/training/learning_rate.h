// The learning rate of each step: a linear warm-up, then one of the shapes of schedules.h. Steps
// count from 0; the warm-up's step s has (s + 1) / warmup_steps of the rate, so no step is wasted
// at rate 0.
#pragma once

#include <cstdint>
#include <string>

namespace candor::trainer {

struct LearningRateOptions {
  double peak = 1e-4;
  std::string schedule = "linear";  // a name of schedules.h
  int64_t warmup_steps = 0;
  double step_gamma = 0.85;
  bool operator==(const LearningRateOptions&) const = default;
};

// Throws std::invalid_argument for a warm-up that the run's steps don't reach the end of, which
// says how many there are.
void check_warmup(const LearningRateOptions& options, int64_t max_steps, int64_t steps_per_epoch);

// Throws std::invalid_argument for an unknown schedule.
double learning_rate_at(const LearningRateOptions& options, int64_t step, int64_t max_steps,
                        int64_t steps_per_epoch);

}  // namespace candor::trainer
