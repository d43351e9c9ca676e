#include "launch/program/command_line.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <sstream>
#include <stdexcept>

#include "launch/config/nearest_key.h"
#include "launch/config/run_config.h"
#include "launch/stages/stage_list.h"

namespace candor::launch {
namespace {

constexpr const char* kFooter =
    "Exit codes: 0 done; 2 config, arguments or data; 3 file or disk; 4 a rank, the network or a "
    "GPU; 5 NaN or infinity;\n6 stopped by SIGTERM or SIGUSR1, "
    "the same command goes on; 1 internal.\n"
    "`candor help config` lists every key of a config.";

class Parser {
 public:
  Parser()
      : app_("Candor trains a language model to state confidences that can be believed.",
             "candor") {
    app_.footer(kFooter);
    app_.require_subcommand(1);
    app_.set_version_flag("--version", std::string("candor ") + CANDOR_VERSION);

    CLI::App* import =
        command("import", "Convert a GGUF file to a model folder in Hugging Face layout");
    import->add_option("gguf", args().input, "GGUF file")->required();
    import->add_option("folder", args().output, "model folder to make")->required();

    for (const StageDeclaration& stage : stage_list()) with_stage(stage);
    CLI::App* train = app_.get_subcommand("train");
    train->add_flag("--resume", args().resume, "go on from the newest checkpoint");
    train
        ->add_option("--pause-at", args().pause_at,
                     "save at this step and leave; with --resume the same training goes on")
        ->check(CLI::PositiveNumber);
    app_.get_subcommand("evaluate")
        ->add_option("--adapter", args().adapter, "adapter folder (default: <run.dir>/adapter)");
    with_config("run",
                "Do all stages from answer to evaluate; unchanged ones are skipped, a killed one "
                "goes on where it was");

    CLI::App* sweep = command("sweep",
                              "Train many variants of a config, on all slots at a time; starts "
                              "mpirun itself. The same command goes on where a killed one was");
    sweep->add_option("sweep", line_.sweep.path, "the sweep's YAML file")->required();
    sweep
        ->add_option("--slots", line_.sweep.slots,
                     "ranks that run at a time on this host (default: its GPUs, or cores)")
        ->check(CLI::PositiveNumber);
    sweep->add_option("--hostfile", line_.sweep.hostfile,
                      "instead: lines \"host slots=N\", as mpirun reads them");
    sweep->add_flag("--in-process", line_.sweep.in_process,
                    "one mpirun for all trainings, whose ranks keep the base model: less time "
                    "between them, but a crash ends all that run");
    sweep->add_option("--mpirun", line_.sweep.mpirun, "the mpirun that starts each training")
        ->capture_default_str();
    sweep->add_flag("--resume", line_.sweep.resume, "fail if there is nothing to go on with");
    sweep->add_flag("--status", line_.sweep.status, "print how far it is, also while it runs");
    sweep->add_flag("--dry-run", line_.sweep.dry_run,
                    "print what would be tried, and its cost in steps");
    sweep->add_flag("--no-evaluation", line_.sweep.no_evaluation,
                    "don't evaluate the best point on the test split at the end");

    CLI::App* pool = with_config("pool", "The ranks of sweep --in-process");
    pool->group("");  // only the sweep starts it
    pool->add_option("--ranks-per-trial", args().ranks_per_trial, "of each group")
        ->check(CLI::PositiveNumber);

    CLI::App* exporting =
        with_config("export", "Write the adapter for PEFT, and a merged model if asked");
    exporting->add_option("--output", args().output, "folder to make (default: <run.dir>/export)");
    exporting->add_option("--adapter", args().adapter,
                          "adapter or checkpoint folder (default: <run.dir>/adapter)");
    exporting->add_flag(
        "--merge", args().merge,
        "also write the merged model (its answers may differ from the base model's)");

    CLI::App* score = app_.get_subcommand("score");
    score->add_option("--input", args().input, "JSONL with question and response")->required();
    score->add_option("--output", args().output, "JSONL to write")->required();
    score->add_option("--adapter", args().adapter, "adapter folder (default: <run.dir>/adapter)");

    CLI::App* inspect = command("inspect",
                                "Print a file of a run readably: tokens.h5, safetensors, GGUF, "
                                "JSONL, JSON, checkpoint or model folder");
    inspect->add_option("path", args().input, "file or folder")->required();
    inspect->add_option("--records", args().max_records, "examples or lines to print in full")
        ->check(CLI::NonNegativeNumber)
        ->capture_default_str();
    inspect->add_option("--tokenizer", args().tokenizer,
                        "model folder or tokenizer.json to decode tokens.h5 with (default: that of "
                        "config.yaml beside it)");

    CLI::App* k8s = with_config("k8s",
                                "Write a manifest that starts `run` under Kubernetes, as an "
                                "MPIJob; see launch/k8s/README.md");
    k8s->add_option("--workers", args().job.workers, "pods in which ranks run")
        ->check(CLI::Range(1, 1000))
        ->capture_default_str();
    k8s->add_option("--gpus-per-worker", args().job.gpus_per_worker,
                    "GPUs, and ranks, of each; 0: one rank, on CPUs")
        ->check(CLI::Range(0, 64))
        ->capture_default_str();
    k8s->add_option(
        "--image", args().job.image,
        "made from launch/k8s/Dockerfile (default: candor:cuda with GPUs, else candor:cpu)");
    k8s->add_option("--claim", args().job.claim,
                    "PersistentVolumeClaim with model and questions, where the run writes")
        ->capture_default_str();
    k8s->add_option("--namespace", args().job.name_space, "of the job (default: kubectl's)");
    k8s->add_option("--output", args().output, "file to write (default: standard output)");

    add_doctor();

    CLI::App* help = command("help", "Print the keys of a config: candor help config");
    help->add_option("topic", topic_, "config, or a command");
  }

  CommandLine parse(int argc, const char* const* argv) {
    if (argc <= 1) {
      line_.text = app_.help();
      line_.exit_code = 2;
      return line_;
    }
    const std::string first = argv[1];
    if (first[0] != '-' && !is_command(first)) {
      throw std::invalid_argument(
          fmt::format("unknown command \"{}\"; the nearest is {} (see candor --help)", first,
                      nearest(first, names_)));
    }
    try {
      app_.parse(argc, argv);
    } catch (const CLI::Success& request) {  // --help, --version
      std::ostringstream out, error;
      app_.exit(request, out, error);
      line_.text = out.str();
      return line_;
    } catch (const CLI::ParseError& error) {
      const bool known = is_command(first);
      throw std::invalid_argument(
          fmt::format("{} (see candor {}--help)", error.what(), known ? first + " " : ""));
    }
    line_.command = app_.get_subcommands().front()->get_name();
    if (line_.command == "help") answer_help();
    if (line_.command == "doctor") check_doctor();
    return line_;
  }

 private:
  bool is_command(const std::string& name) const {
    return std::count(names_.begin(), names_.end(), name) > 0;
  }
  CommandArguments& args() { return line_.arguments; }

  CLI::App* command(const std::string& name, const std::string& purpose) {
    names_.push_back(name);
    return app_.add_subcommand(name, purpose);
  }

  CLI::App* with_config(const std::string& name, const std::string& purpose) {
    CLI::App* sub = command(name, purpose);
    sub->add_option("config", line_.config_path, "the run's YAML file")->required();
    add_overrides(sub);
    return sub;
  }

  // Its --help ends with what it reads and writes.
  void with_stage(const StageDeclaration& stage) {
    RunConfig named;
    named.run.dir = "<run.dir>";
    named.data.questions = "<data.questions>";
    std::vector<std::string> inputs = stage.inputs(named);
    const std::vector<std::string> outputs = stage.outputs(named);
    if (stage.reads_model) inputs.insert(inputs.begin(), "the model");
    std::string footer = fmt::format("Reads: {}\n", fmt::join(inputs, ", "));
    if (!outputs.empty()) footer += fmt::format("Writes: {}\n", fmt::join(outputs, ", "));
    footer += fmt::format("Keys that its results depend on: {}\nOther keys that it reads: {}",
                          fmt::join(stage.result_keys, ", "), fmt::join(stage.other_keys, ", "));
    with_config(stage.name, stage.purpose)->footer(footer);
  }

  void add_doctor() {
    CLI::App* doctor =
        command("doctor",
                "Compare versions, processors, devices, threads, clocks and what each rank reads, "
                "and say whether a run is ready; or plan a training");
    doctor->footer(
        "Exit codes: 0 ready, perhaps with warnings; 2 not ready; 4 the ranks can't reach each "
        "other.");
    DoctorArguments& arguments = args().doctor;
    doctor->add_option(
        "config,--config", arguments.config,
        "a run's YAML file: it, its questions and its model are compared over the hosts");
    doctor->add_flag("--bandwidth", arguments.bandwidth,
                     "all-reduce of 4 KiB to 256 MiB over all ranks, and between pairs of hosts");
    doctor
        ->add_option("--expected-gbit", arguments.expected_gbit,
                     "the link's rate in Gbit/s: measure, and warn below half of it")
        ->check(CLI::PositiveNumber);
    doctor
        ->add_option("--timeout", arguments.timeout_s,
                     "the longest wait for another rank, in seconds")
        ->check(CLI::PositiveNumber)
        ->capture_default_str();
    doctor->add_option(
        "--plan", line_.config_path,
        "a run's YAML file: operations, memory and time of its training on these ranks instead");
    add_overrides(doctor);
  }

  // The doctor reads its config on every rank, later than other commands: a difference is what it
  // looks for.
  void check_doctor() {
    DoctorArguments& arguments = args().doctor;
    if (!line_.config_path.empty()) {
      if (arguments.config.empty() && !arguments.bandwidth && arguments.expected_gbit == 0) return;
      throw std::invalid_argument(
          "doctor: --plan takes none of CONFIG, --bandwidth and --expected-gbit: ask for one after "
          "the other (see candor doctor --help)");
    }
    if (arguments.config.empty() && !line_.overrides.empty()) {
      throw std::invalid_argument(
          "doctor: --set changes a config, and none is given: candor doctor my.yaml --set ... (see "
          "candor doctor --help)");
    }
    arguments.overrides = line_.overrides;
  }

  void add_overrides(CLI::App* sub) {
    sub->add_option("--set", line_.overrides,
                    "key.path=value, in place of what the file says; may be repeated")
        ->allow_extra_args(false);
  }

  void answer_help() {
    line_.command.clear();
    if (topic_ == "config") {
      line_.text = describe_run_config();
    } else if (topic_.empty()) {
      line_.text = app_.help();
    } else if (is_command(topic_)) {
      line_.text = app_.get_subcommand(topic_)->help("candor");
    } else {
      throw std::invalid_argument(
          fmt::format("no help about \"{}\": expected config or a command", topic_));
    }
  }

  CommandLine line_;
  std::string topic_;
  std::vector<std::string> names_;
  CLI::App app_;
};

}  // namespace

CommandLine parse_command_line(int argc, const char* const* argv) {
  return Parser().parse(argc, argv);
}

std::string request_text(const CommandLine& line) {
  const CommandArguments& arguments = line.arguments;
  std::string text = line.command;
  if (arguments.resume) text += " --resume";
  if (arguments.pause_at > 0) text += fmt::format(" --pause-at {}", arguments.pause_at);
  if (arguments.ranks_per_trial > 1)
    text += fmt::format(" --ranks-per-trial {}", arguments.ranks_per_trial);
  if (arguments.merge) text += " --merge";
  if (!arguments.input.empty()) text += " --input " + arguments.input;
  if (!arguments.output.empty()) text += " --output " + arguments.output;
  if (!arguments.adapter.empty()) text += " --adapter " + arguments.adapter;
  if (!arguments.tokenizer.empty()) text += " --tokenizer " + arguments.tokenizer;
  if (!arguments.doctor.config.empty())
    text += " --config";  // whose name may differ: its content is compared
  if (arguments.doctor.bandwidth) text += " --bandwidth";
  if (arguments.doctor.expected_gbit > 0)
    text += fmt::format(" --expected-gbit {}", arguments.doctor.expected_gbit);
  if (arguments.max_records != CommandArguments{}.max_records)
    text += fmt::format(" --records {}", arguments.max_records);
  return text;
}

}  // namespace candor::launch
