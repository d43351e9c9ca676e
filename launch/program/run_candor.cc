#include "launch/program/run_candor.h"

#include <fmt/format.h>
#include <sys/prctl.h>

#include <csignal>
#include <cstdlib>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <stdexcept>

#include "comm/comm_error.h"
#include "comm/liveness/liveness.h"
#include "comm/losses_text.h"
#include "comm/mpi_session.h"
#include "launch/cluster/doctor_command.h"
#include "launch/cluster/k8s_command.h"
#include "launch/cluster/plan_command.h"
#include "launch/files/export_command.h"
#include "launch/files/import_command.h"
#include "launch/files/inspect_command.h"
#include "launch/program/command_line.h"
#include "launch/program/preemption.h"
#include "launch/program/survival.h"
#include "launch/ranks/device_setup.h"
#include "launch/ranks/exit_codes.h"
#include "launch/ranks/host_files_setup.h"
#include "launch/ranks/processor.h"
#include "launch/ranks/rank_agreement.h"
#include "launch/ranks/thread_environment.h"
#include "launch/stages/run_command.h"
#include "launch/stages/stage_list.h"
#include "launch/sweep/pool_command.h"
#include "launch/sweep/sweep_command.h"
#include "trainer/kernels/keep_memory.h"

namespace candor::launch {
namespace {

using ConfigFunction = int (*)(const RunConfig&, RunContext&);
struct ConfigCommand {
  const char* name;
  ConfigFunction run;
};
// Those that aren't stages, which stage_list() has.
constexpr ConfigCommand kConfigCommands[] = {
    {"run", run_command},
    {"export", export_command},
    {"doctor", plan_command},  // with --plan
    {"pool", pool_command},
};

ConfigFunction function_of(const std::string& name) {
  for (const ConfigCommand& command : kConfigCommands) {
    if (name == command.name) return command.run;
  }
  return stage_named(name).run;
}

struct Request {
  CommandLine line;
  RunConfig config;
  std::optional<Failure> failure;  // why there is no request
};

bool is_config_command(const CommandLine& line) { return !line.config_path.empty(); }

// Done by rank 0 alone, without MPI.
bool needs_no_ranks(const CommandLine& line) {
  return line.command == "k8s" || line.command == "sweep";
}

int environment_number(const char* name, int otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::atoi(text);
}

// Command line, config and threads. Under mpirun a failure is kept, to be compared with the other
// ranks'.
Request read_request(int argc, char** argv) {
  Request request;
  try {
    request.line = parse_command_line(argc, argv);
    if (request.line.command.empty()) return request;
    if (!request.line.config_path.empty())
      request.config = read_run_config(request.line.config_path, request.line.overrides);
    if (needs_no_ranks(request.line)) return request;
    if (request.line.command == "doctor" && !is_config_command(request.line))
      request.config.run = run_section_of(request.line.arguments.doctor);
    request.config.run.threads_per_rank =
        resolve_threads_per_rank(request.config.run.threads_per_rank);
    apply_thread_environment(request.config.run.threads_per_rank, argv);
  } catch (...) {
    request.failure = describe_failure(std::current_exception());
  }
  return request;
}

// Where one rank or more failed to read the request, the first of them says so and all get its exit
// code.
std::optional<int> agreed_failure(const Request& request, comm::ProcessGroup& group) {
  const nlohmann::json mine = request.failure ? nlohmann::json{{"code", request.failure->exit_code}}
                                              : nlohmann::json(nullptr);
  const std::vector<std::string> all = group.all_gather_bytes(mine.dump());
  for (size_t rank = 0; rank < all.size(); ++rank) {
    const nlohmann::json theirs = nlohmann::json::parse(all[rank]);
    if (theirs.is_null()) continue;
    if (static_cast<int>(rank) == group.rank())
      tell(*request.failure, group.rank(), group.world_size());
    return theirs.at("code").get<int>();
  }
  return std::nullopt;
}

RankReport report_of(const Request& request) {
  RankReport report{.command = request_text(request.line)};
  if (request.line.config_path.empty())
    return report;  // doctor, import, inspect: any threads and processors will do
  RunConfig without_threads = request.config;
  without_threads.run.threads_per_rank = 0;
  report.config_yaml = to_yaml(without_threads);
  report.threads = request.config.run.threads_per_rank;
  report.processor = this_processor().kind;
  return report;
}

// What comes before a command of a config: the ranks agree, and the group that computes is made.
// Its exit code where they fail together.
std::optional<int> start_together(Request& request, comm::ProcessGroup& host,
                                  std::unique_ptr<comm::ProcessGroup>& computing) {
  if (const std::optional<int> failed = agreed_failure(request, host)) return failed;
  check_ranks_agree(report_of(request), host);
  if (!is_config_command(request.line) || request.line.command == "pool")
    return std::nullopt;  // a pool's groups are parts of the ranks
  request.config.model.device = resolve_device(request.config.model.device, host);
  request.config.model =
      resolve_products(request.config.model, recorded_products(request.config), host);
  computing = make_compute_group(request.config.model.device, host, request.config.run.timeout_s);
  return std::nullopt;
}

int run_command_of(Request& request, comm::ProcessGroup& host, trainer::StopRequest& stop_request,
                   bool& ranks_lost) {
  std::unique_ptr<comm::ProcessGroup> group;
  std::optional<int> failed;
  for (;;) {
    bool finished = false;
    try {
      failed = start_together(request, host, group);
      finished = true;
    } catch (const comm::RankLostError&) {
    }
    const comm::Settled settled = host.settle(finished, "start");
    if (settled.finished) break;
    ranks_lost = true;
    if (host.rank() == 0)
      fmt::print(stderr, "candor  WARNING: {}\n",
                 comm::losses_text(settled.lost, host.world_size()));
  }
  const std::string& name = request.line.command;
  comm::ProcessGroup& used = group ? *group : host;
  trainer::HostFiles hosts(used, host_files_options(request.config.run.dir));
  BaseModel base;
  RunContext context{.group = used,
                     .hosts = hosts,
                     .base = base,
                     .arguments = request.line.arguments,
                     .stop_request = &stop_request};
  if (failed || !is_config_command(request.line)) {
    const auto command =
        name == "doctor" ? doctor_command : (name == "import" ? import_command : inspect_command);
    const int exit_code = failed ? *failed : command(context);
    leave_exit_code(exit_code, host.rank());
    return exit_code;
  }
  const auto run = [&, function = function_of(name)] {
    hosts.look();
    return function(request.config, context);
  };
  return run_and_survive(run, name, context, ranks_lost);
}

volatile std::sig_atomic_t sweep_is_to_stop = 0;

// With one thread: it starts the mpirun of each training.
int run_sweep(const SweepArguments& arguments) {
  if (environment_number("OMPI_COMM_WORLD_SIZE", 1) > 1) {
    throw std::invalid_argument(
        "candor sweep starts an mpirun for each training: give it without mpirun, with --slots or "
        "--hostfile");
  }
  for (const int signal : {SIGINT, SIGTERM, SIGUSR1})
    std::signal(signal, [](int) { sweep_is_to_stop = 1; });
  return sweep_command(arguments, [] { return sweep_is_to_stop != 0; });
}

}  // namespace

int run_candor(int argc, char** argv) {
  trainer::keep_freed_memory();
  ::prctl(PR_SET_NAME, "candor");  // executed again, it would be called exe
  const int launched_rank = environment_number("OMPI_COMM_WORLD_RANK", 0);
  Request request = read_request(argc, argv);
  if (!request.failure && request.line.command.empty()) {
    leave_exit_code(request.line.exit_code, launched_rank);
    if (launched_rank == 0)
      fmt::print("{}{}", request.line.text, request.line.text.ends_with('\n') ? "" : "\n");
    return request.line.exit_code;
  }
  if (!request.failure && needs_no_ranks(request.line)) {
    try {
      int exit_code = kExitOk;
      if (request.line.command == "sweep") exit_code = run_sweep(request.line.sweep);
      if (request.line.command == "k8s" && launched_rank == 0)
        exit_code = k8s_command(request.config, request.line.arguments);
      leave_exit_code(exit_code, launched_rank);
      return exit_code;
    } catch (...) {
      request.failure = describe_failure(std::current_exception());
    }
  }
  if (request.failure &&
      (needs_no_ranks(request.line) || environment_number("OMPI_COMM_WORLD_SIZE", 1) == 1)) {
    if (launched_rank == 0) tell(*request.failure, 0, 1);
    leave_exit_code(request.failure->exit_code, launched_rank);
    return request.failure->exit_code;
  }

  block_stop_signals();
  std::shared_ptr<comm::Liveness> liveness;
  std::unique_ptr<comm::MpiSession> session;
  std::unique_ptr<comm::ProcessGroup> group;
  trainer::StopRequest stop_request;
  std::optional<PreemptionWatch> watch;
  try {
    // Ranks that couldn't read the config still need a time-out: the default, which may be longer.
    const RunSection& run = request.config.run;
    const int world_size = environment_number("OMPI_COMM_WORLD_SIZE", 1);
    if (world_size > 1)
      liveness = std::make_shared<comm::Liveness>(
          comm::LivenessOptions{.heartbeat_s = run.heartbeat_s,
                                .launcher_limit_s = run.timeout_s + 5,
                                .rank = launched_rank,
                                .world_size = world_size});  // forks: before any thread
    watch.emplace(stop_request, launched_rank, [liveness] {
      if (liveness) liveness->leaving();
    });
    session = std::make_unique<comm::MpiSession>(&argc, &argv, liveness.get(), run.timeout_s);
    group = comm::make_mpi_process_group({.timeout_s = run.timeout_s, .liveness = liveness});
  } catch (...) {
    Failure failure = describe_failure(std::current_exception());
    if (failure.exit_code == kExitFileError)
      failure.exit_code = kExitCommunication;  // MPI itself didn't start
    tell(failure, launched_rank, environment_number("OMPI_COMM_WORLD_SIZE", 1));
    leave_exit_code(failure.exit_code, launched_rank);
    return failure.exit_code;
  }

  try {
    bool ranks_lost = false;
    const int exit_code = run_command_of(request, *group, stop_request, ranks_lost);
    if (liveness) liveness->leaving();
    if (ranks_lost) comm::MpiSession::leave_after_losses(exit_code);
    const comm::Liveness::Blocking blocking(liveness.get(), "MPI_Finalize",
                                            request.config.run.timeout_s);
    session->finalize();
    return exit_code;
  } catch (...) {
    const Failure failure = describe_failure(std::current_exception());
    if (group->world_size() == 1) {
      tell(failure, 0, 1);
      leave_exit_code(failure.exit_code, 0);
      return failure.exit_code;
    }
    tell_for_all(failure, *group);
    leave_exit_code(failure.exit_code, group->rank());
    group->abort(failure.exit_code);  // doesn't return
    return failure.exit_code;
  }
}

}  // namespace candor::launch
