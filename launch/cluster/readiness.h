// What keeps a job from running well on these ranks: the judgement of `candor doctor`, as a pure
// function of what the ranks said of themselves.
//
// A problem makes a command refuse, fail, or give results that depend on who computes what. A
// warning is about speed, or about reading the logs.
// Each is one line that names hosts (and ranks, where not all of a host are meant), says what was
// found there and on rank 0, and what to do.
#pragma once

#include <string>
#include <vector>

#include "launch/cluster/rank_state.h"

namespace candor::launch {

struct Readiness {
  std::vector<std::string> problems, warnings;
};

// By rank; at least one.
Readiness readiness_of(const std::vector<RankState>& ranks);

// "node2, node3 (rank 6)": the hosts of these ranks, with the ranks' numbers where others of the
// host aren't among them.
std::string who(const std::vector<size_t>& chosen, const std::vector<RankState>& ranks);

// Names of the hosts, in the order of their first ranks.
std::vector<std::string> hosts_of(const std::vector<RankState>& ranks);

// "ready: 4 ranks on 2 hosts, 1 warning" or "not ready: 2 problems, 1 warning".
std::string verdict_of(const Readiness& readiness, const std::vector<RankState>& ranks);

}  // namespace candor::launch
