// Single values of a sweep's YAML file.
//
// `path` names the key in messages. All throw std::invalid_argument that begins with
// file:line:column and says what was expected.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "launch/config/nearest_key.h"
#include "launch/config/yaml_tree.h"
#include "launch/sweep/search_space.h"

namespace candor::launch {

[[noreturn]] void fail_at(const YamlNode& node, const std::string& path,
                          const std::string& expected);

std::string text_in(const YamlNode& node, const std::string& path);
int64_t whole_in(const YamlNode& node, const std::string& path, int64_t least);
double hours_in(const YamlNode& node, const std::string& path);

// A value as `--set key=...` takes it.
std::string flow_text(const YamlNode& node);

// A key of a run's config that a sweep may set.
std::string config_key(const YamlNode& node);

Point point_in(const YamlNode& node, const std::string& path);

template <typename Value>
Value one_of(const YamlNode& node, const std::string& path,
             const std::map<std::string, Value>& choices) {
  std::vector<std::string> names;
  for (const auto& [name, value] : choices) names.push_back(name);
  const auto found = choices.find(node.kind == YamlNode::Kind::kScalar ? node.scalar : "");
  if (found == choices.end()) {
    fail_at(node, path,
            fmt::format("one of {}{}", fmt::join(names, ", "),
                        node.kind == YamlNode::Kind::kScalar
                            ? fmt::format(" (the nearest is {})", nearest(node.scalar, names))
                            : ""));
  }
  return found->second;
}

}  // namespace candor::launch
