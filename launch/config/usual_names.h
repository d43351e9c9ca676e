// What keys of a config are called elsewhere: in transformers, PEFT and other trainers.
#pragma once

#include <map>
#include <string>
#include <vector>

namespace candor::launch {

// From a name to the paths of the keys that say the same or come nearest.
const std::map<std::string, std::vector<std::string>>& usual_names();

}  // namespace candor::launch
