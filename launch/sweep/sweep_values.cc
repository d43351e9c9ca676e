#include "launch/sweep/sweep_values.h"

#include <algorithm>
#include <optional>
#include <set>
#include <stdexcept>

#include "launch/config/unknown_key.h"
#include "launch/config/yaml_scalars.h"

namespace candor::launch {
namespace {

using Kind = YamlNode::Kind;

// What the sweep itself sets in each trial.
const std::set<std::string> kOwnKeys = {"run.dir", "train.trunk_dir"};

}  // namespace

void fail_at(const YamlNode& node, const std::string& path, const std::string& expected) {
  throw std::invalid_argument(
      fmt::format("{}: {}: expected {}, got {}", node.where, path, expected, node.description()));
}

std::string text_in(const YamlNode& node, const std::string& path) {
  if (node.kind != Kind::kScalar || node.scalar.empty()) fail_at(node, path, "a text");
  return node.scalar;
}

int64_t whole_in(const YamlNode& node, const std::string& path, int64_t least) {
  const std::optional<int64_t> value = integer_in(node);
  if (!value || *value < least || *value > 1000000)
    fail_at(node, path, fmt::format("a whole number in {}..1000000", least));
  return *value;
}

double hours_in(const YamlNode& node, const std::string& path) {
  const std::optional<double> value = number_in(node);
  if (!value || *value < 0) fail_at(node, path, "a number from 0");
  return *value;
}

std::string flow_text(const YamlNode& node) {
  switch (node.kind) {
    case Kind::kNull: return "null";
    case Kind::kScalar: {
      YamlNode bare = node;
      bare.quoted = false;
      const bool reads_otherwise =
          number_in(bare) || boolean_in(bare) || node.scalar.empty() || node.scalar == "null";
      const bool plain =
          node.scalar.find_first_of(",[]{}:#&*!|>%@`?\\\n\"'") == std::string::npos &&
          (!node.quoted || !reads_otherwise) && !node.scalar.starts_with(' ') &&
          !node.scalar.ends_with(' ');
      if (plain) return node.scalar;
      std::string quoted = "\"";
      for (const char c : node.scalar) {
        if (c == '\n') {
          quoted += "\\n";
          continue;
        }
        if (c == '"' || c == '\\') quoted += '\\';
        quoted += c;
      }
      return quoted + "\"";
    }
    case Kind::kList: {
      std::vector<std::string> items;
      for (const YamlNode& item : node.items) items.push_back(flow_text(item));
      return fmt::format("[{}]", fmt::join(items, ", "));
    }
    case Kind::kMap: {
      std::vector<std::string> entries;
      for (const auto& [key, value] : node.entries)
        entries.push_back(fmt::format("{}: {}", flow_text(key), flow_text(value)));
      return fmt::format("{{{}}}", fmt::join(entries, ", "));
    }
  }
  return "";
}

std::string config_key(const YamlNode& node) {
  const std::vector<std::string> all = all_key_paths();
  const std::string& key = node.scalar;
  if (std::count(all.begin(), all.end(), key) == 0) {
    const size_t dot = key.find('.');
    const std::string section = dot == std::string::npos ? "" : key.substr(0, dot);
    const bool known = std::count(all.begin(), all.end(), section) > 0;
    throw std::invalid_argument(
        fmt::format("{}: no key {} in a run's config; {}", node.where, key,
                    known ? unknown_key_hint(section, key.substr(dot + 1))
                          : unknown_key_hint("", key.substr(key.rfind('.') + 1))));
  }
  if (kOwnKeys.count(key) > 0)
    throw std::invalid_argument(
        fmt::format("{}: {} is the sweep's own; leave it out", node.where, key));
  return key;
}

Point point_in(const YamlNode& node, const std::string& path) {
  if (node.kind != Kind::kMap) fail_at(node, path, "keys with values, as {lora.rank: 8}");
  Point point;
  for (const auto& [key, value] : node.entries)
    point.values.emplace_back(config_key(key), flow_text(value));
  return point;
}

}  // namespace candor::launch
