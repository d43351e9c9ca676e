#include "launch/program/command_table.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "launch/cluster/doctor_command.h"
#include "launch/cluster/k8s_command.h"
#include "launch/cluster/plan_command.h"
#include "launch/files/export_command.h"
#include "launch/files/import_command.h"
#include "launch/files/inspect_command.h"
#include "launch/files/value_command.h"
#include "launch/program/command_options.h"
#include "launch/program/sweep_program.h"
#include "launch/ranks/exit_codes.h"
#include "launch/ranks/launched_rank.h"
#include "launch/stages/recorded_stage.h"
#include "launch/stages/run_command.h"
#include "launch/stages/stage_list.h"
#include "launch/sweep/pool_command.h"

namespace candor::launch {
namespace {

// A stage's --help ends with what it reads and writes.
std::string footer_of(const StageDeclaration& stage) {
  RunConfig named;
  named.run.dir = "<run.dir>";
  named.data.questions = "<data.questions>";
  std::vector<std::string> inputs = stage.inputs(named);
  const std::vector<std::string> outputs = stage.outputs(named);
  if (stage.reads_model) inputs.insert(inputs.begin(), "the model");
  std::string footer = fmt::format("Reads: {}\n", fmt::join(inputs, ", "));
  if (!outputs.empty()) footer += fmt::format("Writes: {}\n", fmt::join(outputs, ", "));
  return footer + fmt::format("Keys that its results depend on: {}\nOther keys that it reads: {}",
                              fmt::join(stage.result_keys, ", "),
                              fmt::join(stage.other_keys, ", "));
}

std::vector<Command> stage_commands() {
  std::vector<Command> commands;
  for (const StageDeclaration& stage : stage_list())
    commands.push_back({.name = stage.name,
                        .purpose = stage.purpose,
                        .footer = footer_of(stage),
                        .takes_config = true,
                        .add_options = options_of_stage(stage.name),
                        .with_config =
                            [&stage](const RunConfig& config, RunContext& context) {
                              return run_recorded(stage, config, context);
                            },
                        // Only rank 0 prepares.
                        .uses_cores = stage.reads_model && stage.name != "prepare"});
  return commands;
}

// Before the stages.
std::vector<Command> first_commands() {
  return {{.name = "import",
           .purpose = "Convert a GGUF file to a model folder in Hugging Face layout",
           .add_options = import_options,
           .without_config = import_command}};
}

// Of several stages.
std::vector<Command> run_commands() {
  return {
      {.name = "run",
       .purpose = "Do all stages from answer to evaluate; unchanged ones are skipped, a killed one "
                  "goes on where it was",
       .takes_config = true,
       .add_options = force_option,
       .with_config = run_command,
       .uses_cores = true},
      {.name = "sweep",
       .purpose =
           "Train many variants of a config, on all slots at a time; starts mpirun itself. The "
           "same command goes on where a killed one was",
       .add_options = sweep_options,
       .without_ranks = [](const RunConfig&,
                           const CommandLine& line) { return sweep_program(line.sweep); }},
      {.name = "pool",
       .purpose = "The ranks of sweep --in-process",
       .takes_config = true,
       .is_listed = false,  // only the sweep starts it
       .add_options = pool_options,
       .with_config = pool_command,
       .makes_groups = true}};
}

// Around a run.
std::vector<Command> further_commands() {
  return {
      {.name = "export",
       .purpose = "Write the adapter for PEFT, and a merged model if asked",
       .takes_config = true,
       .add_options = export_options,
       .with_config = export_command},
      {.name = "inspect",
       .purpose =
           "Print a file of a run readably: tokens.h5, safetensors, GGUF, JSONL, JSON, checkpoint "
           "or model folder",
       .add_options = inspect_options,
       .without_config = inspect_command},
      {.name = "value",
       .purpose = "Print what a config says for one key, as run.dir, for scripts",
       .add_options = value_options,
       .without_ranks =
           [](const RunConfig&, const CommandLine& line) {
             const std::string value =
                 value_in_config(line.arguments.input, line.arguments.key, line.overrides);
             if (launched_rank() == 0) fmt::print("{}\n", value);
             return static_cast<int>(kExitOk);
           }},
      {.name = "k8s",
       .purpose = "Write a manifest that starts `run` under Kubernetes, as an MPIJob; see "
                  "launch/k8s/README.md",
       .takes_config = true,
       .add_options = k8s_options,
       .without_ranks =
           [](const RunConfig& config, const CommandLine& line) {
             return launched_rank() == 0 ? k8s_command(config, line.arguments) : kExitOk;
           }},
      {.name = "doctor",
       .purpose =
           "Compare versions, processors, devices, threads, clocks and what each rank reads, and "
           "say whether a run is ready; or plan a training",
       .footer =
           "Exit codes: 0 ready, perhaps with warnings; 2 not ready; 4 the ranks can't reach each "
           "other.",
       .add_options = doctor_options,
       .check = check_doctor,
       .with_config = plan_command,  // with --plan
       .without_config = doctor_command,
       .run_section = run_section_of},
      {.name = "help",
       .purpose =
           "Print this list, the keys of a config (candor help config) or what a command takes",
       .add_options = help_options},
  };
}

std::vector<Command> all_commands() {
  std::vector<Command> all = first_commands();
  for (const std::vector<Command>& commands :
       {stage_commands(), run_commands(), further_commands()})
    all.insert(all.end(), commands.begin(), commands.end());
  return all;
}

}  // namespace

const std::vector<Command>& command_table() {
  static const std::vector<Command> table = all_commands();
  return table;
}

const Command* find_command(const std::string& name) {
  const auto found = std::find_if(command_table().begin(), command_table().end(),
                                  [&](const Command& command) { return command.name == name; });
  return found == command_table().end() ? nullptr : &*found;
}

}  // namespace candor::launch
