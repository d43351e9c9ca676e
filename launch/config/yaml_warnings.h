// What a YAML text says that its writer most likely didn't mean.
#pragma once

#include <string>
#include <vector>

#include "launch/config/yaml_tree.h"

namespace candor::launch {

// One line for each scalar outside of double quotes that holds \n, \t or \r: YAML takes that for a
// backslash and a letter. A text with $ or other backslashes is TeX and left alone.
std::vector<std::string> escape_warnings(const YamlNode& root);

}  // namespace candor::launch
