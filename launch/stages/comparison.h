// Further adapters, trained as the main one but for one thing, to stand beside it in the report: by
// a single loss alone (compare_objectives), or acting from the confidence marker on
// (compare_alora).
#pragma once

#include <string>
#include <vector>

#include "launch/config/run_config.h"

namespace candor::launch {

struct Comparison {
  std::string name;   // its files lie in RunPaths(config.run.dir).comparison(name)
  std::string label;  // in the report
  RunConfig config;   // that trains it
};

std::vector<Comparison> comparisons_of(const RunConfig& config);

}  // namespace candor::launch
