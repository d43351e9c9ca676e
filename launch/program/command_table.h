// The commands of candor, declared once: the command line, --help and run_candor read this table.
//
// To add a command: its function in a file of its own and a line in command_table.cc; options of
// its own are a function in command_options.cc. A stage is an entry of stage_list() and is here
// by itself.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "launch/config/run_config.h"
#include "launch/context/run_context.h"
#include "launch/program/command_line.h"

namespace CLI {
class App;
}

namespace candor::launch {

struct Command {
  std::string name{};
  std::string purpose{};      // of its line in `candor --help`
  std::string footer{};       // of its own --help
  bool takes_config = false;  // CONFIG and --set, which come before its own options
  bool is_listed = true;      // in `candor --help`
  void (*add_options)(CLI::App& parser, CommandLine& line) = nullptr;
  void (*check)(CommandLine& line) = nullptr;  // throws std::invalid_argument

  // One of these runs it and says what it needs. The doctor has two: `with_config` is for --plan.
  // `help`, which the command line answers itself, has none. All return an exit code; the first
  // two are collective.
  std::function<int(const RunConfig& config, RunContext& context)> with_config{};
  int (*without_config)(RunContext& context) = nullptr;
  // In every launched process, before MPI and with one thread.
  int (*without_ranks)(const RunConfig& config, const CommandLine& line) = nullptr;

  // Threads and time-outs of a run without a config; null: the defaults.
  RunSection (*run_section)(const DoctorArguments& arguments) = nullptr;
  bool uses_cores = false;    // it computes on every rank
  bool makes_groups = false;  // that compute: else all ranks are one such group
};

// In the order of `candor --help`.
const std::vector<Command>& command_table();

// Null for a name that isn't in the table.
const Command* find_command(const std::string& name);

}  // namespace candor::launch
