#include "launch/files/value_command.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <stdexcept>

#include "data_pipeline/files/read_file.h"
#include "launch/config/key_type.h"
#include "launch/config/nearest_key.h"
#include "launch/config/path_values.h"
#include "launch/config/yaml_tree.h"

namespace candor::launch {

std::string value_in_config(const std::string& path, const std::string& key,
                            const std::vector<std::string>& overrides) {
  const std::optional<KeyType> type = type_of_key(key);
  if (!type) {
    throw std::invalid_argument(
        fmt::format("no key {} in a config; the nearest is {} (see `candor "
                    "help config`)",
                    key, nearest(key, all_key_paths())));
  }
  YamlNode root = parse_yaml(data::read_file(path), path);
  for (const std::string& text : overrides) apply_override(root, text);
  YamlNode* node = &root;
  for (size_t begin = 0; node != nullptr && begin <= key.size();) {
    const size_t end = std::min(key.find('.', begin), key.size());
    node = node->find(key.substr(begin, end - begin));
    begin = end + 1;
  }
  if (node == nullptr)
    throw std::invalid_argument(fmt::format("{}: it says nothing of {}", path, key));
  if (node->kind != YamlNode::Kind::kScalar) {
    throw std::invalid_argument(
        fmt::format("{}: {}: expected one value, got {}", node->where, key, node->description()));
  }
  return type->is_path ? path_in(*node, key) : node->scalar;
}

}  // namespace candor::launch
