// candor doctor: what was built, with which libraries, and what this run sees: ranks, hosts, devices, threads, processor features.
#pragma once

#include "launch/commands/command_context.h"

namespace candor {

// Collective; rank 0 prints a line for each rank.
int doctor_command(CommandContext& context);

}  // namespace candor
