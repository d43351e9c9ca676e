// candor's command line, by the table of its commands. Parsing only; run_candor.h does what it asks
// for.
#pragma once

#include <string>
#include <vector>

#include "launch/context/command_arguments.h"
#include "launch/sweep/sweep_command.h"

namespace candor::launch {

struct CommandLine {
  std::string
      command;  // "train"; empty: nothing is left to do but print `text` and leave with `exit_code`
  std::string config_path;             // empty: it needs none
  std::vector<std::string> overrides;  // of --set, in order
  CommandArguments arguments;
  SweepArguments sweep;    // of the command sweep, which takes no --set
  std::string help_topic;  // of the command help
  std::string text;        // --help, --version, `help config`
  int exit_code = 0;
};

// Throws std::invalid_argument with a hint at --help for a line that can't be understood.
CommandLine parse_command_line(int argc, const char* const* argv);

// "score --input qa.jsonl --output scored.jsonl": what is asked for, without the config, and the
// same for two lines that ask for the same.
std::string request_text(const CommandLine& line);

}  // namespace candor::launch
