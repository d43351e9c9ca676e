// A command on ranks that may be lost while it runs.
#pragma once

#include <functional>
#include <string>

#include "launch/context/run_context.h"

namespace candor::launch {

// Ranks that are lost outside a training's steps cost the stage they were lost in: the others give
// the command again, as with --resume, which goes on from what is written. Returns the command's
// exit code, that of a preemption too. Sets context.ranks_lost if any were. Collective over
// context.group.
int run_and_survive(const std::function<int()>& command, const std::string& name,
                    RunContext& context);

// Where launch/mpirun_survive.sh asked for it: its mpirun can't tell how a job ended that lost
// ranks. Rank 0 writes.
void leave_exit_code(int exit_code, int rank);

}  // namespace candor::launch
