#include "trainer/training/learning_rate.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <stdexcept>

namespace candor::trainer {

double learning_rate_at(const LearningRateOptions& options, int64_t step, int64_t max_steps,
                        int64_t steps_per_epoch) {
  if (step < options.warmup_steps)
    return options.peak * static_cast<double>(step + 1) / static_cast<double>(options.warmup_steps);
  const double done = max_steps > options.warmup_steps
                          ? static_cast<double>(step - options.warmup_steps) /
                                static_cast<double>(max_steps - options.warmup_steps)
                          : 0.0;
  if (options.schedule == "constant") return options.peak;
  if (options.schedule == "linear") return options.peak * std::max(0.0, 1 - done);
  if (options.schedule == "cosine")
    return options.peak * 0.5 * (1 + std::cos(std::numbers::pi * std::min(1.0, done)));
  if (options.schedule == "step")
    return options.peak *
           std::pow(options.step_gamma,
                    static_cast<double>(step / std::max<int64_t>(1, steps_per_epoch)));
  throw std::invalid_argument(fmt::format(
      "train.schedule: expected constant, linear, cosine or step, got {}", options.schedule));
}

}  // namespace candor::trainer
