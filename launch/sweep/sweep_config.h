// A sweep's YAML file: which run is varied, what is tried, how it is searched, and what may be
// spent (docs/sweeps.md).
//
// Reading is as strict as that of a run's config: each problem is a std::invalid_argument that
// begins with file:line:column and names the nearest key.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "launch/config/run_config.h"
#include "launch/sweep/search_space.h"

namespace candor::launch {

enum class SearchMethod { kGrid, kRandom, kSobol, kTpe, kPoints };

// The points are known before any is trained.
inline bool is_listed(SearchMethod method) {
  return method == SearchMethod::kGrid || method == SearchMethod::kPoints;
}

enum class Halving { kNone, kSynchronous, kAsynchronous };

struct Objective {
  std::string metric;  // of the validation figures in metrics.jsonl
  bool larger_is_better = false;
};

struct SweepConfig {
  std::string dir;
  std::string base_path;               // the run's YAML file
  std::vector<std::string> overrides;  // of the base, "key=value"
  SearchSpace space;
  std::vector<Point> points;  // tried first

  SearchMethod method = SearchMethod::kRandom;
  int64_t trials = 0;  // points in all; 0: the whole grid, or all of `points`
  uint64_t seed = 1;
  int64_t repeat_seeds = 1;           // trainings of each point, which differ in run.seed
  std::vector<Objective> objectives;  // the first decides

  Halving halving = Halving::kNone;
  std::vector<int64_t>
      rungs;  // steps at which points are compared, ascending; the last is train.max_steps

  int64_t ranks_per_trial = 1;
  int64_t retries = 1;
  double stall_s = 900;                      // a trial that writes nothing for so long is ended
  double max_hours = 0, max_slot_hours = 0;  // 0: no limit

  int64_t factor = 3;
  RunConfig base;                     // with the overrides
  std::string text;                   // of the file, for comparing with a journal
  std::vector<std::string> warnings;  // of this file and the base
};

// Throws std::invalid_argument; std::system_error where the file can't be read.
SweepConfig read_sweep_config(const std::string& path);

// The run config of one point. Throws std::invalid_argument beginning with the override that
// doesn't fit.
RunConfig config_of_point(const SweepConfig& sweep, const Point& point);

}  // namespace candor::launch
