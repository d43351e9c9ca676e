// What a run folder's config.yaml says of the run that began there, so that what was decided then
// (threads, products) is taken up again and a difference can be named key by key.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "launch/config/config_part.h"
#include "launch/config/run_config.h"

namespace candor::launch {

// Nothing where the folder has no config.yaml yet, or none that this version reads.
std::optional<RunConfig> recorded_config(const std::string& run_dir);

struct KeyDifference {
  std::string key;
  std::string there, here;  // the values, as YAML in one line
};

// Of `keys` only, in the order of the config. Throws std::logic_error for a name that is no key.
std::vector<KeyDifference> differing_keys(const RunConfig& there, const RunConfig& here,
                                          const KeyList& keys);

// "train.learning_rate is 0.0001 there and 0.5 here; ..."; empty where there is none.
std::string differences_text(const std::vector<KeyDifference>& differences);

}  // namespace candor::launch
