// A config that records which of its keys are read: it lies on pages that may not be read, and each
// read is a fault that is noted before it is let through.
//
// Usage:   WatchedConfig watched(config);   watched.begin();   ... watched.config() ...
//          std::set<std::string> read = watched.end();
// What is read to write or compare the config as a whole (WholeConfigRead) isn't noted, nor is what
// is read of a copy. For x86-64 and Linux: the processor's trap flag lets one instruction through.
#pragma once

#include <set>
#include <string>

#include "launch/config/run_config.h"

namespace candor::testing_support {

class WatchedConfig {
 public:
  explicit WatchedConfig(const launch::RunConfig& config);
  ~WatchedConfig();
  WatchedConfig(const WatchedConfig&) = delete;
  WatchedConfig& operator=(const WatchedConfig&) = delete;

  const launch::RunConfig& config() const { return *config_; }
  void begin();
  std::set<std::string> end();  // paths of keys, as all_key_paths() has them but for records' own

 private:
  launch::RunConfig* config_;
};

}  // namespace candor::testing_support
