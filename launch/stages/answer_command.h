// candor answer: the base model answers every question greedily; questions.jsonl ->
// <run.dir>/answers.jsonl. Resumable.
#pragma once

#include "launch/config/run_config.h"
#include "launch/context/run_context.h"

namespace candor::launch {

// Collective: every rank of context.group calls it. Returns an exit code (exit_codes.h); throws
// what run_candor turns into one.
int answer_command(const RunConfig& config, RunContext& context);

}  // namespace candor::launch
