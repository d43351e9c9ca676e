// What a single key's range can't say: keys that clash, and defaults that depend on other keys.
#pragma once

#include <map>
#include <string>

#include "launch/config/run_config.h"

namespace candor::launch {

// Where the file (or an override) set things, by path: value_at["train.max_steps"],
// section_at["objective[1]"]. Keys left at their default aren't there.
struct ConfigPlaces {
  std::map<std::string, std::string> value_at;
  std::map<std::string, std::string> section_at;
};

// Fills in train.epochs where neither it nor max_steps is given. Throws std::invalid_argument at
// the place of the first clash.
void resolve_and_check(RunConfig& config, const ConfigPlaces& places);

}  // namespace candor::launch
