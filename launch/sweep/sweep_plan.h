// What a sweep will try and what it costs, before anything is started.
#pragma once

#include <string>
#include <vector>

#include "launch/sweep/schedule_of_trials.h"

namespace candor::launch {

struct PlannedPoint {
  Point point;
  std::string problem{};  // why it can't be trained; empty: it can
};

struct SweepPlan {
  std::vector<PlannedPoint> points{};  // the first ones; of TPE those before it learns
  size_t count = 0;                    // of the whole sweep
  bool whole = false;                  // `points` are all

  size_t that_cannot_be_trained() const;
};

// Throws std::invalid_argument where none of all points can be trained.
SweepPlan plan_of(const SweepConfig& sweep);

// What a user may not have meant: points that can't be trained, and fewer points than asked for.
std::vector<std::string> plan_warnings(const SweepConfig& sweep, const SweepPlan& plan);

std::string plan_text(const SweepConfig& sweep, const SweepPlan& plan, size_t slots);

// Steps that are still to be done if nothing fails, of the points proposed and to come.
double steps_left(const SweepConfig& sweep, const ScheduleOfTrials& schedule, size_t points_in_all);

}  // namespace candor::launch
