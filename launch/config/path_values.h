// Paths among a config's values.
#pragma once

#include <optional>
#include <string>

#include "launch/config/yaml_tree.h"

namespace candor::launch {

// The path in a scalar; a ~/ at its beginning becomes the folder that HOME names. `key` names the
// scalar in messages. Throws std::invalid_argument at its place for another ~ at the beginning,
// which a shell would replace, and where HOME names no folder.
std::string path_in(const YamlNode& node, const std::string& key);

// A warning where the path holds $NAME or ${NAME}, which nothing replaces.
std::optional<std::string> variable_warning(const YamlNode& node, const std::string& key);

}  // namespace candor::launch
