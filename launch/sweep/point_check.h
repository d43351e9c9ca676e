// What a point would train, before anything is started.
#pragma once

#include <string>

#include "launch/sweep/sweep_config.h"

namespace candor::launch {

struct PointCheck {
  std::string training{};  // of its config's values: the same text for points that train the same
  std::string problem{};   // why its config can't be read; empty: it can
};

PointCheck check_point(const SweepConfig& sweep, const Point& point);

}  // namespace candor::launch
