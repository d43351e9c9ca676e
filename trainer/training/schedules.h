// The shapes of the learning rate after warm-up, by name, once: the config's choices and the
// training read this table. To add one: its line here.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numbers>
#include <string>
#include <vector>

namespace candor::trainer {

struct Schedule {
  const char* name;
  // What the highest rate is multiplied with. `done`: the fraction of the steps after warm-up that
  // are done; `epoch` counts from 0; gamma is train.step_gamma.
  double (*factor)(double done, int64_t epoch, double gamma);
};

inline constexpr Schedule kSchedules[] = {
    {"constant", [](double, int64_t, double) { return 1.0; }},
    {"linear", [](double done, int64_t, double) { return std::max(0.0, 1 - done); }},
    // Half a cosine to 0 (Loshchilov & Hutter 2017, without restarts).
    {"cosine", [](double done, int64_t,
                  double) { return 0.5 * (1 + std::cos(std::numbers::pi * std::min(1.0, done))); }},
    // StepLR, the paper's.
    {"step", [](double, int64_t epoch,
                double gamma) { return std::pow(gamma, static_cast<double>(epoch)); }},
};

inline std::vector<std::string> schedule_names() {
  std::vector<std::string> names;
  for (const Schedule& schedule : kSchedules) names.emplace_back(schedule.name);
  return names;
}

}  // namespace candor::trainer
