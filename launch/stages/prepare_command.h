// candor prepare: chat template, tokenizer and confidence tokens; <run.dir>/graded.jsonl ->
// tokens.h5.
#pragma once

#include "launch/config/run_config.h"
#include "launch/context/run_context.h"

namespace candor::launch {

// Collective: every rank of context.group calls it. Returns an exit code (exit_codes.h); throws
// what run_candor turns into one.
int prepare_command(const RunConfig& config, RunContext& context);

}  // namespace candor::launch
