// candor pool: the ranks of `candor sweep --in-process`. They form groups, and each trains one
// point after the other with the base model that it keeps.
//
// A training that fails on all ranks of its group together, such as one with NaN, ends alone. Else
// the job ends, and the sweep starts another: ranks may wait for the one that failed, or be left
// with a broken GPU or connection.
#pragma once

#include "launch/config/run_config.h"
#include "launch/context/run_context.h"

namespace candor::launch {

// Collective over context.group, which is the whole job. config: what is the same for all points.
// Returns when it was asked to stop.
int pool_command(const RunConfig& config, RunContext& context);

}  // namespace candor::launch
