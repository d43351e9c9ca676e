// candor import: a GGUF file becomes a model folder in Hugging Face layout.
#pragma once

#include "launch/context/run_context.h"

namespace candor::launch {

// arguments.input -> arguments.output. Collective; rank 0 works, the others wait.
int import_command(RunContext& context);

}  // namespace candor::launch
