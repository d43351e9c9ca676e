#include "trainer/training/learning_rate.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <stdexcept>

#include "trainer/training/schedules.h"

namespace candor::trainer {

void check_warmup(const LearningRateOptions& options, int64_t max_steps, int64_t steps_per_epoch) {
  if (options.warmup_steps < max_steps) return;
  throw std::invalid_argument(fmt::format(
      "train.warmup_steps: expected less than the {} steps of the run ({} an epoch), got "
      "{}: the learning rate would never reach train.learning_rate; lower it, or train "
      "longer (train.epochs or train.max_steps)",
      max_steps, steps_per_epoch, options.warmup_steps));
}

double learning_rate_at(const LearningRateOptions& options, int64_t step, int64_t max_steps,
                        int64_t steps_per_epoch) {
  if (step < options.warmup_steps)
    return options.peak * static_cast<double>(step + 1) / static_cast<double>(options.warmup_steps);
  const double done = max_steps > options.warmup_steps
                          ? static_cast<double>(step - options.warmup_steps) /
                                static_cast<double>(max_steps - options.warmup_steps)
                          : 0.0;
  for (const Schedule& schedule : kSchedules) {
    if (options.schedule == schedule.name)
      return options.peak * schedule.factor(done, step / std::max<int64_t>(1, steps_per_epoch),
                                            options.step_gamma);
  }
  throw std::invalid_argument(fmt::format("train.schedule: expected one of {}, got {}",
                                          fmt::join(schedule_names(), ", "), options.schedule));
}

}  // namespace candor::trainer
