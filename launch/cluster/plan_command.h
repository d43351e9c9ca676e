// candor doctor --plan my.yaml: what a training of this config costs on these ranks, before it is
// started.
//
// Counted from tokens.h5 and the model's shape: operations of a step, what each technique saves of
// them, memory, and the time at a share of the matrix product's measured peak. Weights aren't
// loaded and nothing is written.
#pragma once

#include "launch/config/run_config.h"
#include "launch/context/run_context.h"

namespace candor::launch {

// Collective; rank 0 prints. Throws std::invalid_argument where there is no tokens.h5 yet.
int plan_command(const RunConfig& config, RunContext& context);

}  // namespace candor::launch
