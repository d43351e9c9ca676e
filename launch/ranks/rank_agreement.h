// Ranks must have been started alike: command, arguments, config, threads and processor are part of
// what fixes a result, and ranks that differ would break the promise of the same bits silently, or
// wait for each other.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "comm/process_group.h"

namespace candor::launch {

// What one rank was started with.
struct RankReport {
  std::string command;        // and its arguments, readably
  std::string config_yaml{};  // resolved, without run.threads_per_rank; empty for a command without
                              // a config
  int64_t threads = 0;        // 0 where they don't matter
  std::string processor{};    // kind (processor.h), empty where it doesn't matter
};

// What the first rank that differs from rank 0 has other, and what to do about it; nothing if all
// are alike.
std::optional<std::string> disagreement(const std::vector<RankReport>& ranks);

// The first line of each text that differs from the other's, without indent; "nothing" past the
// end. The texts differ.
std::pair<std::string, std::string> first_difference(const std::string& one,
                                                     const std::string& other);

// Throws std::invalid_argument, the same on every rank, if the ranks aren't alike. Collective.
void check_ranks_agree(const RankReport& mine, comm::ProcessGroup& group);

}  // namespace candor::launch
