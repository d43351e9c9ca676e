// What a journal's events add up to.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "launch/sweep/schedule_of_trials.h"

namespace candor::launch {

struct SweepHistory {
  ScheduleOfTrials schedule;
  double seconds = 0, slot_seconds = 0;   // of all sessions; slots used times how long
  int64_t largest_job = 0;                // number of the last training that was started
  std::set<std::string> trunks{};         // frozen layers that are there
  std::map<TrialId, int64_t> failures{};  // of each training, one after the other
  std::vector<Task> open{};               // started and not ended: running, or broken off by a kill
  bool done = false;
  std::string summary{};  // a line for people
};

nlohmann::ordered_json json_of(const Point& point);

// Throws std::invalid_argument if the journal is of a sweep with another config.
SweepHistory history_of(const SweepConfig& sweep,
                        const std::vector<nlohmann::ordered_json>& events);

}  // namespace candor::launch
