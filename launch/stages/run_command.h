// candor run: all stages from answer to evaluate; a stage whose inputs' hashes haven't changed is
// skipped, with a word about why.
#pragma once

#include "launch/config/run_config.h"
#include "launch/context/run_context.h"

namespace candor::launch {

// Collective: every rank of context.group calls it. Returns an exit code (exit_codes.h); throws
// what run_candor turns into one.
int run_command(const RunConfig& config, RunContext& context);

}  // namespace candor::launch
