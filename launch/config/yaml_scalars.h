// Numbers of a YAML tree, read strictly.
#pragma once

#include <cstdint>
#include <optional>

#include "launch/config/yaml_tree.h"

namespace candor::launch {

// Decimal digits only: YAML 1.1 would read 012 as ten, 0x10 as sixteen and 1_000 as a thousand.
// Nothing for anything else, quoted digits too.
std::optional<int64_t> integer_in(const YamlNode& node);
// The same for numbers; no inf, nan and .5.
std::optional<double> number_in(const YamlNode& node);

}  // namespace candor::launch
