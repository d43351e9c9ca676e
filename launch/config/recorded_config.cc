#include "launch/config/recorded_config.h"

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include <map>

#include "launch/config/run_paths.h"

namespace candor::launch {
namespace {

// Key paths and values of a part of a config, in order.
std::vector<std::pair<std::string, std::string>> values_of(const RunConfig& config,
                                                           const KeyList& keys) {
  std::vector<std::pair<std::string, std::string>> values;
  const auto add = [&](const std::string& path, const YAML::Node& node) {
    if (!covers(keys, path)) return;
    YAML::Emitter line;
    line << YAML::Flow << node;
    values.emplace_back(path, line.c_str());
  };
  for (const auto& section : YAML::Load(to_yaml(only_keys(config, keys)))) {
    const auto name = section.first.as<std::string>();
    if (!section.second.IsMap()) {
      add(name, section.second);
      continue;
    }
    for (const auto& key : section.second)
      add(name + "." + key.first.as<std::string>(), key.second);
  }
  return values;
}

}  // namespace

std::optional<RunConfig> recorded_config(const std::string& run_dir) {
  try {
    return read_run_config(RunPaths(run_dir).config());
  } catch (const std::exception&) {
    return std::nullopt;
  }
}

std::vector<KeyDifference> differing_keys(const RunConfig& there, const RunConfig& here,
                                          const KeyList& keys) {
  std::map<std::string, std::string> of_there;
  for (const auto& [key, value] : values_of(there, keys)) of_there[key] = value;
  std::vector<KeyDifference> differences;
  for (const auto& [key, value] : values_of(here, keys)) {
    if (of_there[key] != value) differences.push_back({key, of_there[key], value});
  }
  return differences;
}

std::string differences_text(const std::vector<KeyDifference>& differences) {
  std::string text;
  for (const KeyDifference& difference : differences) {
    text += fmt::format("{}{} is {} there and {} here", text.empty() ? "" : "; ", difference.key,
                        difference.there, difference.here);
  }
  return text;
}

}  // namespace candor::launch
