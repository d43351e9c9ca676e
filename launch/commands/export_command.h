// candor export: the adapter in PEFT's layout, and with --merge the merged model in Hugging Face layout.
#pragma once

#include "launch/commands/command_context.h"
#include "launch/config/run_config.h"

namespace candor {

// Collective: every rank of context.group calls it. Returns an exit code (exit_codes.h); throws what run_candor turns into one.
int export_command(const RunConfig& config, CommandContext& context);

}  // namespace candor
