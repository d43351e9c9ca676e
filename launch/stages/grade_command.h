// candor grade: compares answers with the accepted ones; <run.dir>/answers.jsonl -> graded.jsonl.
#pragma once

#include "launch/config/run_config.h"
#include "launch/context/run_context.h"

namespace candor::launch {

// Collective: every rank of context.group calls it. Returns an exit code (exit_codes.h); throws
// what run_candor turns into one.
int grade_command(const RunConfig& config, RunContext& context);

}  // namespace candor::launch
