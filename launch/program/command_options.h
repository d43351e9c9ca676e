// The options of the commands, each command's in a function. Each writes to the members of
// CommandLine that its command reads.
#pragma once

#include <string>

#include "launch/program/command_line.h"

namespace CLI {
class App;
}

namespace candor::launch {

// CONFIG and --set, of every command that takes a config.
void config_options(CLI::App& parser, CommandLine& line);

// Of the commands that may find a person's work where they write.
void force_option(CLI::App& parser, CommandLine& line);
void import_options(CLI::App& parser, CommandLine& line);
void export_options(CLI::App& parser, CommandLine& line);
void inspect_options(CLI::App& parser, CommandLine& line);
void value_options(CLI::App& parser, CommandLine& line);
void k8s_options(CLI::App& parser, CommandLine& line);
void sweep_options(CLI::App& parser, CommandLine& line);
void pool_options(CLI::App& parser, CommandLine& line);
void help_options(CLI::App& parser, CommandLine& line);

void doctor_options(CLI::App& parser, CommandLine& line);
// Throws std::invalid_argument for options of the doctor that don't go together.
void check_doctor(CommandLine& line);

// Null for a stage that has none of its own.
using OptionsFunction = void (*)(CLI::App& parser, CommandLine& line);
OptionsFunction options_of_stage(const std::string& name);

}  // namespace candor::launch
