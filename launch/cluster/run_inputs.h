// What the config names on this host: questions and model, by their hashes, so that hosts without a
// shared file system can be compared.
#pragma once

#include "comm/process_group.h"
#include "launch/cluster/rank_state.h"
#include "launch/config/run_config.h"

namespace candor::launch {

// Fills the files' part of `state`, on one rank a host. A file that can't be read is a *_problem of
// the state, no exception. A model may take minutes to read: the others don't wait in one long
// collective meanwhile but in many short ones, so that a lost rank or link is noticed as fast as
// ever. Collective; every rank must come, also one that has no config (nullptr).
void identify_inputs(const RunConfig* config, comm::ProcessGroup& group, RankState& state);

}  // namespace candor::launch
