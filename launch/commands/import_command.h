// candor import: a GGUF file becomes a model folder in Hugging Face layout.
#pragma once

#include <string>

#include "launch/commands/command_context.h"
#include "launch/config/run_config.h"

namespace candor {

// arguments.input -> arguments.output. Collective; rank 0 works, the others wait.
int import_command(CommandContext& context);

// For every command that reads the model: where model.path has no config.json and model.gguf is given, rank 0 imports it first. model.gguf may be a
// glob pattern that matches exactly one file (Python's version is part of where packages lie). Collective.
// Throws std::invalid_argument if there is no model and none can be made.
void ensure_model(const ModelSection& model, ProcessGroup& group);

}  // namespace candor
