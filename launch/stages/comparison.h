// Further adapters, trained as the main one but for one thing, to stand beside it in the report: by
// a single loss alone (compare_objectives), or acting from the confidence marker on
// (compare_alora).
#pragma once

#include <string>
#include <vector>

#include "launch/config/run_config.h"
#include "launch/config/run_paths.h"

namespace candor::launch {

struct ComparedAdapter {
  std::string name;
  std::string label;  // in the report
  RunPaths paths;     // of its files
};

std::vector<ComparedAdapter> compared_adapters(const RunConfig& config);

// The config that trains one of them.
RunConfig training_config(const RunConfig& config, const ComparedAdapter& compared);

}  // namespace candor::launch
