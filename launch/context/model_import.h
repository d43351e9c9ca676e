// Turns a GGUF file into a model folder in Hugging Face layout, and says so on stderr.
#pragma once

#include <string>

#include "comm/process_group.h"
#include "launch/config/run_config.h"

namespace candor::launch {

// Not collective. Throws what data::import_gguf throws.
void import_and_tell(const std::string& gguf, const std::string& folder);

// For every command that reads the model: where model.path has no config.json and model.gguf is
// given, rank 0 imports it first. model.gguf may be a glob pattern that matches exactly one file
// (Python's version is part of where packages lie). Collective.
// Throws std::invalid_argument if there is no model and none can be made.
void ensure_model(const ModelSection& model, comm::ProcessGroup& group);

}  // namespace candor::launch
