// candor inspect: prints any file of a run readably: tokens.h5 with decoded examples, safetensors,
// GGUF, JSONL, a checkpoint or model folder.
#pragma once

#include <string>

#include "launch/context/run_context.h"

namespace candor::launch {

// Prints on rank 0 only. What the file is is told by its content, not by its name.
int inspect_command(RunContext& context);

// The text that inspect prints about `path`; throws as the file's own reader does,
// std::invalid_argument for a kind of file that isn't ours.
std::string inspect_file(const std::string& path, const CommandArguments& arguments);

}  // namespace candor::launch
