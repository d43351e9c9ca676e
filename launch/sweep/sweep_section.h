// The section `sweep` of a sweep's YAML file: where it is, how it is searched, and what may be
// spent.
#pragma once

#include <cstdint>
#include <string>

#include "launch/config/yaml_tree.h"
#include "launch/sweep/sweep_config.h"

namespace candor::launch {

// sweep.first_rung_steps; 0 steps: not given.
struct FirstRung {
  int64_t steps = 0;
  YamlNode where;
};

// folder: what the base's path is relative to. Throws std::invalid_argument as sweep_config.h says.
void read_sweep_section(const YamlNode& section, const std::string& folder, SweepConfig& sweep,
                        FirstRung& first_rung);

}  // namespace candor::launch
