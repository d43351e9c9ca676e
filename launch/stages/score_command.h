// candor score: confidences for any questions and responses; --input JSONL -> --output JSONL.
// Resumable.
#pragma once

#include "launch/config/run_config.h"
#include "launch/context/run_context.h"

namespace candor::launch {

// Collective: every rank of context.group calls it. Returns an exit code (exit_codes.h); throws
// what run_candor turns into one.
int score_command(const RunConfig& config, RunContext& context);

}  // namespace candor::launch
