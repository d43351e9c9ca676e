// candor sweep as a program: it starts an mpirun for each training, so it wants none around itself,
// and the signals of preemption.h let it stop in order.
#pragma once

#include "launch/sweep/sweep_command.h"

namespace candor::launch {

// Returns an exit code. Throws std::invalid_argument under mpirun, and what sweep_command throws.
// Before any other thread is there.
int sweep_program(const SweepArguments& arguments);

}  // namespace candor::launch
