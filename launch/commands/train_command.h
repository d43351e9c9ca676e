// candor train: fits the adapter on the train split of <run.dir>/tokens.h5; checkpoints/, metrics.jsonl, adapter/.
#pragma once

#include "launch/commands/command_context.h"
#include "launch/config/run_config.h"

namespace candor {

// Collective: every rank of context.group calls it. Returns an exit code (exit_codes.h); throws what run_candor turns into one.
int train_command(const RunConfig& config, CommandContext& context);

}  // namespace candor
