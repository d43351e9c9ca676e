// Before any work: an output must not be what the command reads or what the run has made, and must
// be a place that can be written.
#pragma once

#include "launch/config/run_config.h"
#include "launch/program/command_line.h"

namespace candor::launch {

// For rank 0, which writes. Files are compared as such, so a link or a hard link to an input is
// that input. Throws std::invalid_argument for an output that is an input, and for an input that
// can be read only once; for the place of an output what data::output_place() throws.
void check_outputs(const CommandLine& line, const RunConfig& config);

}  // namespace candor::launch
