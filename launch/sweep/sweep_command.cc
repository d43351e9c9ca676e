#include "launch/sweep/sweep_command.h"

#include <fmt/format.h>

#include <cstdlib>
#include <filesystem>
#include <stdexcept>

#include "comm/device_group.h"
#include "data_pipeline/files/output_place.h"
#include "launch/ranks/exit_codes.h"
#include "launch/ranks/thread_environment.h"
#include "launch/sweep/sweep_controller.h"
#include "launch/sweep/sweep_history.h"
#include "launch/sweep/sweep_plan.h"
#include "launch/sweep/sweep_report.h"
#include "launch/sweep/sweep_table.h"

namespace candor::launch {
namespace {

std::vector<Slot> slots_of(const SweepArguments& arguments, bool gpus) {
  if (arguments.slots > 0 && !arguments.hostfile.empty())
    throw std::invalid_argument("--slots and --hostfile exclude each other");
  if (!arguments.hostfile.empty()) return slots_of_hostfile(arguments.hostfile);
  if (arguments.slots > 0) return local_slots(arguments.slots);
  const int64_t by_cores = usable_cores().of_its_host / default_threads_per_rank();
  return local_slots(gpus ? comm::visible_gpus() : std::max<int64_t>(1, by_cores));
}

// What is fixed when a rank starts can't differ from point to point.
void check_one_pool_can_train_all(const SweepConfig& sweep, const std::string& path) {
  const auto check = [&](const std::string& key) {
    if (key != "model.device" && (!key.starts_with("run.") || key == "run.seed")) return;
    throw std::invalid_argument(
        fmt::format("{}: {} is fixed when a rank starts, so it can't be varied with --in-process: "
                    "leave --in-process out",
                    path, key));
  };
  for (const Parameter& parameter : sweep.space) check(parameter.key);
  for (const Point& point : sweep.points) {
    for (const auto& [key, value] : point.values) check(key);
  }
}

// What the sweep writes at its end must not be what it was told.
void check_outputs_are_no_inputs(const SweepConfig& sweep, const std::string& path) {
  for (const char* name : {"/trials.csv", "/sweep.html", "/best.yaml"}) {
    const std::string output = sweep.dir + name;
    for (const std::string& input : {path, sweep.base_path}) {
      if (!data::is_same_file(output, input)) continue;
      throw std::invalid_argument(
          fmt::format("{}: sweep.dir: {} is {}, which this sweep reads and would replace: choose "
                      "another sweep.dir, or move that file",
                      path, output, input));
    }
  }
}

int print_status(const SweepConfig& sweep) {
  if (!std::filesystem::exists(SweepJournal::path(sweep.dir))) {
    throw std::invalid_argument(fmt::format("{}: no sweep has begun there", sweep.dir));
  }
  const SweepHistory history = history_of(sweep, SweepJournal::read(sweep.dir));
  fmt::print("{}\n{}", history.summary, ranking_text(sweep, history.schedule, 20));
  return kExitOk;
}

// With the exit code of the first training that failed, where that says what was wrong with it;
// else one was lost again and again.
ChildFailedError no_result(const SweepConfig& sweep, const ScheduleOfTrials& schedule) {
  const std::optional<TrialState> first = schedule.first_failure();
  const int code = first ? first->exit_code : kExitUserError;
  const bool says_what = code == kExitUserError || code == kExitFileError || code == kExitNonFinite;
  return {says_what ? code : kExitCommunication,
          fmt::format("no point of the sweep has a result: {} ({})",
                      first ? first->failure : "none was trained before the budget was used up",
                      SweepJournal::path(sweep.dir))};
}

}  // namespace

int sweep_command(const SweepArguments& arguments, const std::function<bool()>& asked_to_stop) {
  const SweepConfig sweep = read_sweep_config(arguments.path);
  tell_warnings(sweep.warnings, 0);
  if (arguments.status) return print_status(sweep);
  check_outputs_are_no_inputs(sweep, arguments.path);
  const bool gpus = sweep.base.model.device != DeviceChoice::kCpu && comm::visible_gpus() > 0;
  const std::vector<Slot> slots = slots_of(arguments, gpus);
  if (static_cast<size_t>(sweep.ranks_per_trial) > slots.size()) {
    throw std::invalid_argument(
        fmt::format("{}: sweep.ranks_per_trial: a trial of {} ranks doesn't fit on {} slots; give "
                    "more with --slots or --hostfile",
                    arguments.path, sweep.ranks_per_trial, slots.size()));
  }
  if (arguments.in_process) check_one_pool_can_train_all(sweep, arguments.path);
  const SweepPlan plan = plan_of(sweep);
  tell_warnings(plan_warnings(sweep, plan), 0);
  if (arguments.dry_run) {
    fmt::print("{}", plan_text(sweep, plan, slots.size()));
    return kExitOk;
  }
  if (arguments.resume && !std::filesystem::exists(SweepJournal::path(sweep.dir))) {
    throw std::invalid_argument(fmt::format(
        "--resume: no sweep has begun in {}; leave --resume out to begin it", sweep.dir));
  }
  SweepJournal journal(sweep.dir);
  ControllerOptions options{.program = std::filesystem::read_symlink("/proc/self/exe").string(),
                            .mpirun = arguments.mpirun,
                            .threads_per_rank = default_threads_per_rank(),
                            .gpus = gpus,
                            .in_process = arguments.in_process,
                            .asked_to_stop = asked_to_stop,
                            // A wrong config or a NaN comes again.
                            .retry_may_help = [](int exit_code) {
                              return exit_code != kExitUserError && exit_code != kExitNonFinite;
                            }};
  SweepController controller(sweep, slots, options, journal);
  SweepDisplay display(controller.files());
  const auto on_event = [&](const std::string& line) { display.event(line); };
  const bool finished =
      controller.run(on_event, [&](const SweepProgress& progress) { display.tick(progress); });
  display.finish();
  if (!finished) {
    fmt::print(stderr, "sweep  stopped as asked; give the same command again to go on\n");
    return kExitPreempted;
  }
  if (!arguments.no_evaluation) controller.evaluate_best();
  write_sweep_report(sweep, controller.schedule(), controller.files());
  fmt::print("{}", ranking_text(sweep, controller.schedule(), 10));
  if (!controller.schedule().best()) throw no_result(sweep, controller.schedule());
  fmt::print("\nbest config: {0}/best.yaml   report: {0}/sweep.html   all trials: {0}/trials.csv\n",
             sweep.dir);
  return kExitOk;
}

}  // namespace candor::launch
