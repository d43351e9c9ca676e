// candor prepare: chat template, tokenizer and confidence tokens; <run.dir>/graded.jsonl -> tokens.h5.
#pragma once

#include "launch/commands/command_context.h"
#include "launch/config/run_config.h"

namespace candor {

// Collective: every rank of context.group calls it. Returns an exit code (exit_codes.h); throws what run_candor turns into one.
int prepare_command(const RunConfig& config, CommandContext& context);

}  // namespace candor
