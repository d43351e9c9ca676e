#include "launch/program/command_options.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <charconv>
#include <cmath>
#include <map>
#include <optional>
#include <stdexcept>

namespace candor::launch {
namespace {

// CLI11's own checks tell a range by all digits of its ends.
CLI::Validator whole_number(int64_t least, std::optional<int64_t> most = std::nullopt) {
  const std::string expected = most ? fmt::format("a whole number from {} to {}", least, *most)
                                    : fmt::format("a whole number, at least {}", least);
  return CLI::Validator(
      [=](const std::string& text) {
        int64_t value = 0;
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
        const bool fits = error == std::errc() && end == text.data() + text.size() &&
                          value >= least && (!most || value <= *most);
        return fits ? std::string() : fmt::format("expected {}, got {}", expected, text);
      },
      "");
}

CLI::Validator number_above_zero() {
  return CLI::Validator(
      [](const std::string& text) {
        double value = 0;
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
        const bool fits = error == std::errc() && end == text.data() + text.size() &&
                          std::isfinite(value) && value > 0;
        return fits ? std::string() : fmt::format("expected a number above 0, got {}", text);
      },
      "");
}

void add_overrides(CLI::App& parser, CommandLine& line) {
  parser
      .add_option("--set", line.overrides,
                  "key.path=value, in place of what the file says; may be repeated")
      ->allow_extra_args(false);
}

void add_adapter(CLI::App& parser, CommandLine& line) {
  parser.add_option("--adapter", line.arguments.adapter,
                    "adapter folder (default: <run.dir>/adapter)");
}

void train_options(CLI::App& parser, CommandLine& line) {
  CommandArguments& arguments = line.arguments;
  parser.add_flag("--resume", arguments.resume, "go on from the newest checkpoint");
  parser
      .add_option("--pause-at", arguments.pause_at,
                  "save at this step and leave; with --resume the same training goes on")
      ->check(whole_number(1));
}

// "-" is standard output, and ./- a file of that name.
void add_output_file(CLI::App& parser, CommandLine& line, const std::string& meaning) {
  parser.add_option_function<std::string>(
      "--output",
      [&line](const std::string& path) {
        line.arguments.output = path == "-" ? "/dev/stdout" : path;
      },
      meaning);
}

void add_output_force(CLI::App& parser, CommandLine& line) {
  parser.add_flag("--force", line.arguments.force,
                  "replace --output also where it is a file that candor didn't write");
}

void score_options(CLI::App& parser, CommandLine& line) {
  CommandArguments& arguments = line.arguments;
  parser.add_option("--input", arguments.input, "JSONL with question and response")->required();
  add_output_file(parser, line, "JSONL to write; - for standard output");
  parser.get_option("--output")->required();
  add_adapter(parser, line);
  add_output_force(parser, line);
}

}  // namespace

void force_option(CLI::App& parser, CommandLine& line) {
  parser.add_flag("--force", line.arguments.force,
                  "replace answers.jsonl and graded.jsonl also where candor didn't make them, or "
                  "they were edited since");
}

OptionsFunction options_of_stage(const std::string& name) {
  static const std::map<std::string, OptionsFunction> options = {{"answer", force_option},
                                                                 {"grade", force_option},
                                                                 {"train", train_options},
                                                                 {"evaluate", add_adapter},
                                                                 {"score", score_options}};
  const auto found = options.find(name);
  return found == options.end() ? nullptr : found->second;
}

void config_options(CLI::App& parser, CommandLine& line) {
  parser.add_option("config", line.config_path, "the run's YAML file")->required();
  add_overrides(parser, line);
}

void import_options(CLI::App& parser, CommandLine& line) {
  CommandArguments& arguments = line.arguments;
  parser.add_option("gguf", arguments.input, "GGUF file")->required();
  parser.add_option("folder", arguments.output, "model folder to make")->required();
}

void sweep_options(CLI::App& parser, CommandLine& line) {
  parser.add_option("sweep", line.sweep.path, "the sweep's YAML file")->required();
  parser
      .add_option("--slots", line.sweep.slots,
                  "ranks that run at a time on this host (default: its GPUs, or cores)")
      ->check(whole_number(1));
  parser.add_option("--hostfile", line.sweep.hostfile,
                    "instead: lines \"host slots=N\", as mpirun reads them");
  parser.add_flag("--in-process", line.sweep.in_process,
                  "one mpirun for all trainings, whose ranks keep the base model: less time "
                  "between them, but a crash ends all that run");
  parser.add_option("--mpirun", line.sweep.mpirun, "the mpirun that starts each training")
      ->capture_default_str();
  parser.add_flag("--resume", line.sweep.resume, "fail if there is nothing to go on with");
  parser.add_flag("--status", line.sweep.status, "print how far it is, also while it runs");
  parser.add_flag("--dry-run", line.sweep.dry_run,
                  "print what would be tried, and its cost in steps");
  parser.add_flag("--no-evaluation", line.sweep.no_evaluation,
                  "don't evaluate the best point on the test split at the end");
}

void pool_options(CLI::App& parser, CommandLine& line) {
  CommandArguments& arguments = line.arguments;
  parser.add_option("--ranks-per-trial", arguments.ranks_per_trial, "of each group")
      ->check(whole_number(1));
}

void export_options(CLI::App& parser, CommandLine& line) {
  CommandArguments& arguments = line.arguments;
  parser.add_option("--output", arguments.output, "folder to make (default: <run.dir>/export)");
  parser.add_option("--adapter", arguments.adapter,
                    "adapter or checkpoint folder (default: <run.dir>/adapter)");
  parser.add_flag("--merge", arguments.merge,
                  "also write the merged model (its answers may differ from the base model's)");
}

void inspect_options(CLI::App& parser, CommandLine& line) {
  CommandArguments& arguments = line.arguments;
  parser.add_option("path", arguments.input, "file or folder")->required();
  parser.add_option("--records", arguments.max_records, "examples or lines to print in full")
      ->check(whole_number(0))
      ->capture_default_str();
  parser.add_option("--tokenizer", arguments.tokenizer,
                    "model folder or tokenizer.json to decode tokens.h5 with (default: that of "
                    "config.yaml beside it)");
}

void value_options(CLI::App& parser, CommandLine& line) {
  parser.add_option("config", line.arguments.input, "a run's YAML file")->required();
  parser.add_option("key", line.arguments.key, "section.key, as `candor help config` lists them")
      ->required();
  add_overrides(parser, line);
}

void k8s_options(CLI::App& parser, CommandLine& line) {
  CommandArguments& arguments = line.arguments;
  parser.add_option("--workers", arguments.job.workers, "pods in which ranks run")
      ->check(whole_number(1, 1000))
      ->capture_default_str();
  parser
      .add_option("--gpus-per-worker", arguments.job.gpus_per_worker,
                  "GPUs, and ranks, of each; 0: one rank, on CPUs")
      ->check(whole_number(0, 64))
      ->capture_default_str();
  parser.add_option(
      "--image", arguments.job.image,
      "made from launch/k8s/Dockerfile (default: candor:cuda with GPUs, else candor:cpu)");
  parser
      .add_option("--claim", arguments.job.claim,
                  "PersistentVolumeClaim with model and questions, where the run writes")
      ->capture_default_str();
  parser.add_option("--namespace", arguments.job.name_space, "of the job (default: kubectl's)");
  add_output_file(parser, line, "file to write (default: -, standard output)");
  add_output_force(parser, line);
}

void help_options(CLI::App& parser, CommandLine& line) {
  parser.add_option("topic", line.help_topic, "config, or a command");
}

void doctor_options(CLI::App& parser, CommandLine& line) {
  DoctorArguments& arguments = line.arguments.doctor;
  parser.add_option(
      "config,--config", arguments.config,
      "a run's YAML file: it, its questions and its model are compared over the hosts");
  parser.add_flag("--bandwidth", arguments.bandwidth,
                  "all-reduce of 4 KiB to 256 MiB over all ranks, and between pairs of hosts");
  parser
      .add_option("--expected-gbit", arguments.expected_gbit,
                  "the link's rate in Gbit/s: measure, and warn below half of it")
      ->check(number_above_zero());
  parser
      .add_option("--timeout", arguments.timeout_s, "the longest wait for another rank, in seconds")
      ->check(number_above_zero())
      ->capture_default_str();
  parser.add_option(
      "--plan", line.config_path,
      "a run's YAML file: operations, memory and time of its training on these ranks instead");
  add_overrides(parser, line);
}

// The doctor reads its config on every rank, later than other commands: a difference is what it
// looks for.
void check_doctor(CommandLine& line) {
  DoctorArguments& arguments = line.arguments.doctor;
  if (!line.config_path.empty()) {
    if (arguments.config.empty() && !arguments.bandwidth && arguments.expected_gbit == 0) return;
    throw std::invalid_argument(
        "doctor: --plan takes none of CONFIG, --bandwidth and --expected-gbit: ask for one after "
        "the other (see candor doctor --help)");
  }
  if (arguments.config.empty() && !line.overrides.empty()) {
    throw std::invalid_argument(
        "doctor: --set changes a config, and none is given: candor doctor my.yaml --set ... (see "
        "candor doctor --help)");
  }
  arguments.overrides = line.overrides;
}

}  // namespace candor::launch
