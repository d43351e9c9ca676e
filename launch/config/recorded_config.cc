#include "launch/config/recorded_config.h"

#include <fmt/format.h>

#include <map>

#include "launch/config/run_paths.h"

namespace candor::launch {

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
  for (const auto& [key, value] : key_values(there, keys)) of_there[key] = value;
  std::vector<KeyDifference> differences;
  for (const auto& [key, value] : key_values(here, keys)) {
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
