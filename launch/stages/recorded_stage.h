// A stage of one config as stages.json knows it, and a stage that a person asks for by its name.
#pragma once

#include "launch/context/run_context.h"
#include "launch/stages/stage_list.h"
#include "launch/stages/stage_record.h"

namespace candor::launch {

// But for its function. Collective.
Stage recorded_stage(const StageDeclaration& declared, const RunConfig& config,
                     RunContext& context);

// What a person has made or edited where the stage writes, by an error that says how to go on.
// Throws std::invalid_argument.
[[noreturn]] void refuse_to_replace(const std::string& stage, const std::string& file,
                                    const std::string& why_it_runs);

// Runs it and notes it in the run folder's stages.json, so that a later `candor run` knows. It
// doesn't replace a person's work without --force. Collective; throws what the stage throws, and
// std::invalid_argument.
int run_recorded(const StageDeclaration& declared, const RunConfig& config, RunContext& context);

}  // namespace candor::launch
