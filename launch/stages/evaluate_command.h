// candor evaluate: scores the test split without and with the adapter; <run.dir>/report.json and
// report.html.
#pragma once

#include "launch/config/run_config.h"
#include "launch/context/run_context.h"

namespace candor::launch {

// Collective: every rank of context.group calls it. Returns an exit code (exit_codes.h); throws
// what run_candor turns into one.
int evaluate_command(const RunConfig& config, RunContext& context);

}  // namespace candor::launch
