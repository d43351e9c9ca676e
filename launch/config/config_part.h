// A part of a config, chosen by keys: what a stage depends on is a list of them.
//
// In a list a section's name stands for all its keys ("prompt"), and a path for one key
// ("train.share_prefix").
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "launch/config/run_config.h"

namespace candor::launch {

using KeyList = std::vector<std::string>;

bool covers(const KeyList& keys, const std::string& path);

// These keys as in `config`, all others at their defaults. Throws std::logic_error for a name that
// is no section or key.
RunConfig only_keys(const RunConfig& config, const KeyList& keys);

// These keys as in `from`, all others as in `config`. Throws the same.
RunConfig with_keys_of(const RunConfig& config, const RunConfig& from, const KeyList& keys);

// Paths and values, as YAML in one line, of these keys alone, in the order of the config: two
// versions of candor give the same where they have the same of these keys. Throws the same.
std::vector<std::pair<std::string, std::string>> key_values(const RunConfig& config,
                                                            const KeyList& keys);

// Where a config is read as a whole, to be written or compared, that isn't a use of its keys: a
// test that watches the reads of a config looks away while one of these lives.
class WholeConfigRead {
 public:
  WholeConfigRead();
  ~WholeConfigRead();
  WholeConfigRead(const WholeConfigRead&) = delete;
  WholeConfigRead& operator=(const WholeConfigRead&) = delete;

  // Called with true at the beginning and with false at the end of each; null: nobody watches.
  static void (*watcher)(bool begins);
};

}  // namespace candor::launch
