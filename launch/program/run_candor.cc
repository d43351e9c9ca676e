#include "launch/program/run_candor.h"

#include <fmt/format.h>
#include <sys/prctl.h>

#include <memory>
#include <optional>

#include "comm/comm_error.h"
#include "comm/liveness/liveness.h"
#include "comm/losses_text.h"
#include "comm/mpi_session.h"
#include "launch/program/preemption.h"
#include "launch/program/request.h"
#include "launch/program/survival.h"
#include "launch/ranks/device_setup.h"
#include "launch/ranks/exit_codes.h"
#include "launch/ranks/host_files_setup.h"
#include "launch/ranks/launched_rank.h"
#include "launch/ranks/thread_environment.h"
#include "trainer/kernels/keep_memory.h"

namespace candor::launch {
namespace {

// What comes before a command of a config: the ranks agree, and the group that computes is made.
// Its exit code where they fail together.
std::optional<int> start_together(Request& request, comm::ProcessGroup& host,
                                  std::unique_ptr<comm::ProcessGroup>& computing) {
  if (const std::optional<int> failed = agree_on_request(request, host)) return failed;
  if (!request.has_config() || request.command->makes_groups) return std::nullopt;
  request.config.model.device = resolve_device(request.config.model.device, host);
  request.config.model =
      resolve_products(request.config.model, recorded_products(request.config), host);
  computing = make_compute_group(request.config.model.device, host, request.config.run.timeout_s);
  return std::nullopt;
}

// The same where ranks may be lost meanwhile: those that are left do it again.
std::optional<int> start_and_survive(Request& request, comm::ProcessGroup& host,
                                     std::unique_ptr<comm::ProcessGroup>& computing,
                                     bool& ranks_lost) {
  std::optional<int> failed;
  for (;;) {
    bool finished = false;
    try {
      failed = start_together(request, host, computing);
      finished = true;
    } catch (const comm::RankLostError&) {
    }
    const comm::Settled settled = host.settle(finished, "start");
    if (settled.finished) return failed;
    ranks_lost = true;
    if (host.rank() == 0)
      fmt::print(stderr, "candor  WARNING: {}\n",
                 comm::losses_text(settled.lost, host.world_size()));
  }
}

void tell_of_unused_cores(const Request& request, const comm::ProcessGroup& host) {
  const int64_t cores = usable_cores().of_its_host, threads = request.config.run.threads_per_rank;
  if (!request.threads_are_default || !request.command->uses_cores || host.world_size() > 1 ||
      request.config.model.device != DeviceChoice::kCpu || cores <= threads)
    return;
  fmt::print(stderr,
             "candor  computing on {} of {} cores; `mpirun -np {} --bind-to none candor {} ...` "
             "uses all, with the same results\n",
             threads, cores, cores / threads, request.command->name);
}

int run_command_of(Request& request, comm::ProcessGroup& host, trainer::StopRequest& stop_request,
                   bool& ranks_lost) {
  std::unique_ptr<comm::ProcessGroup> group;
  const std::optional<int> failed = start_and_survive(request, host, group, ranks_lost);
  comm::ProcessGroup& used = group ? *group : host;
  trainer::HostFiles hosts(used, host_files_options(request.config.run.dir));
  BaseModel base;
  RunContext context{.group = used,
                     .hosts = hosts,
                     .base = base,
                     .arguments = request.line.arguments,
                     .stop_request = &stop_request,
                     .ranks_lost = ranks_lost};
  if (failed || !request.has_config()) {
    const int exit_code = failed ? *failed : request.command->without_config(context);
    leave_exit_code(exit_code, host.rank());
    return exit_code;
  }
  tell_of_unused_cores(request, host);
  const auto run = [&] {
    hosts.look();
    return request.command->with_config(request.config, context);
  };
  const int exit_code = run_and_survive(run, request.command->name, context);
  ranks_lost = context.ranks_lost;
  return exit_code;
}

// Prints the answer of --help and the like; runs what needs no ranks; tells a failure that nothing
// has to be compared with. Returns the exit code of what is done thereby.
std::optional<int> finish_without_ranks(Request& request) {
  const int rank = launched_rank();
  const bool needs_ranks = request.command == nullptr || request.command->without_ranks == nullptr;
  if (!request.failure && request.command == nullptr) {
    leave_exit_code(request.line.exit_code, rank);
    if (rank == 0)
      fmt::print("{}{}", request.line.text, request.line.text.ends_with('\n') ? "" : "\n");
    return request.line.exit_code;
  }
  if (!request.failure && !needs_ranks) {
    try {
      const int exit_code = request.command->without_ranks(request.config, request.line);
      leave_exit_code(exit_code, rank);
      return exit_code;
    } catch (...) {
      request.failure = describe_failure(std::current_exception());
    }
  }
  if (request.failure && (!needs_ranks || launched_ranks() == 1)) {
    if (rank == 0) tell(*request.failure, 0, 1);
    leave_exit_code(request.failure->exit_code, rank);
    return request.failure->exit_code;
  }
  return std::nullopt;
}

// What a process of a job has, from first to last.
struct StartedRanks {
  std::shared_ptr<comm::Liveness> liveness;
  std::unique_ptr<comm::MpiSession> session;
  std::unique_ptr<comm::ProcessGroup> group;
  trainer::StopRequest stop_request;
  std::optional<PreemptionWatch> watch;
};

// Returns an exit code where MPI didn't start, which is told.
std::optional<int> start_ranks(StartedRanks& ranks, const RunSection& run, int argc, char** argv) {
  const int rank = launched_rank(), world_size = launched_ranks();
  try {
    if (world_size > 1)
      ranks.liveness = std::make_shared<comm::Liveness>(
          comm::LivenessOptions{.heartbeat_s = run.heartbeat_s,
                                .launcher_limit_s = run.timeout_s + 5,
                                .rank = rank,
                                .world_size = world_size});  // forks: before any thread
    ranks.watch.emplace(ranks.stop_request, rank, [liveness = ranks.liveness] {
      if (liveness) liveness->leaving();
    });
    ranks.session =
        std::make_unique<comm::MpiSession>(&argc, &argv, ranks.liveness.get(), run.timeout_s);
    ranks.group =
        comm::make_mpi_process_group({.timeout_s = run.timeout_s, .liveness = ranks.liveness});
    return std::nullopt;
  } catch (...) {
    Failure failure = describe_failure(std::current_exception());
    if (failure.exit_code == kExitFileError)
      failure.exit_code = kExitCommunication;  // MPI itself didn't start
    tell(failure, rank, world_size);
    leave_exit_code(failure.exit_code, rank);
    return failure.exit_code;
  }
}

// Of an error on this rank. Where there are others it ends the job and doesn't return.
int leave_after(const Failure& failure, comm::ProcessGroup& group) {
  if (group.world_size() == 1) {
    tell(failure, 0, 1);
    leave_exit_code(failure.exit_code, 0);
    return failure.exit_code;
  }
  tell_for_all(failure, group);
  leave_exit_code(failure.exit_code, group.rank());
  group.abort(failure.exit_code);  // doesn't return
  return failure.exit_code;
}

}  // namespace

int run_candor(int argc, char** argv) {
  trainer::keep_freed_memory();
  ::prctl(PR_SET_NAME, "candor");  // executed again, it would be called exe
  Request request = read_request(argc, argv);
  tell_warnings(request.warnings, launched_rank());
  if (const std::optional<int> done = finish_without_ranks(request)) return *done;

  block_stop_signals();
  StartedRanks ranks;
  // Ranks that couldn't read the config still need a time-out: the default, which may be longer.
  const RunSection run = request.config.run;
  if (const std::optional<int> failed = start_ranks(ranks, run, argc, argv)) return *failed;
  try {
    bool ranks_lost = false;
    const int exit_code = run_command_of(request, *ranks.group, ranks.stop_request, ranks_lost);
    if (ranks.liveness) ranks.liveness->leaving();
    if (ranks_lost) comm::MpiSession::leave_after_losses(exit_code);
    const comm::Liveness::Blocking blocking(ranks.liveness.get(), "MPI_Finalize", run.timeout_s);
    ranks.session->finalize();
    return exit_code;
  } catch (...) {
    return leave_after(describe_failure(std::current_exception()), *ranks.group);
  }
}

}  // namespace candor::launch
