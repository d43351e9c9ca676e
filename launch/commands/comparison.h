// A further adapter, trained as the main one but by a single loss alone (compare_objectives), to stand beside it in the report.
#pragma once

#include <string>

#include "launch/config/run_config.h"

namespace candor {

// The config that trains it: the same but for the objective. Its files lie in RunPaths(config.run.dir).comparison(loss).
RunConfig comparison_config(const RunConfig& config, const std::string& loss);

// In the report.
std::string comparison_label(const std::string& loss);

}  // namespace candor
