#include "launch/sweep/sweep_controller.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <thread>

#include "launch/ranks/exit_codes.h"
#include "launch/sweep/steady_seconds.h"
#include "launch/sweep/sweep_history.h"

namespace candor::launch {
namespace {

constexpr int kMostPoolsWithoutResult = 4;

uint64_t size_of(const std::string& path) {
  std::error_code ignored;
  const auto size = std::filesystem::file_size(path, ignored);
  return ignored ? 0 : size;
}

}  // namespace

SweepController::SweepController(const SweepConfig& sweep, std::vector<Slot> slots,
                                 ControllerOptions options, SweepJournal& journal)
    : sweep_(sweep),
      options_(std::move(options)),
      journal_(journal),
      slots_(slots),
      pool_(std::move(slots)),
      files_(sweep, options_.threads_per_rank),
      proposals_(sweep),
      schedule_(sweep) {}

std::string SweepController::token(const std::string& job) const {
  return std::filesystem::absolute(sweep_.dir).lexically_normal().string() + "|" + job;
}

double SweepController::seconds_used() const {
  return seconds_before_ + steady_seconds() - began_at_;
}

void SweepController::replay() {
  SweepHistory history = history_of(sweep_, journal_.before());
  schedule_ = std::move(history.schedule);
  for (const PointState& point : schedule_.points()) proposals_.add(point.point);
  seconds_before_ = history.seconds;
  slot_seconds_ = history.slot_seconds;
  largest_job_ = history.largest_job;
  trunks_made_ = std::move(history.trunks);
  failures_ = std::move(history.failures);
  if (journal_.before().empty())
    journal_.write({{"event", "sweep"},
                    {"version", 1},
                    {"config", sweep_.text},
                    {"base", to_yaml(sweep_.base)}});
  journal_.write(
      {{"event", "session"}, {"slots", pool_.total()}, {"in_process", options_.in_process}});
}

bool SweepController::out_of_budget() const {
  double slot_seconds = slot_seconds_;
  for (const auto& trial : running_)
    slot_seconds +=
        (steady_seconds() - trial->started_at) * static_cast<double>(trial->slots.size());
  return (sweep_.max_hours > 0 && seconds_used() > 3600 * sweep_.max_hours) ||
         (sweep_.max_slot_hours > 0 && slot_seconds > 3600 * sweep_.max_slot_hours);
}

void SweepController::propose() {
  std::vector<Observation> observations;
  for (int64_t point = 0; point < static_cast<int64_t>(schedule_.points().size()); ++point) {
    const std::optional<size_t> rung = schedule_.rung_reached(point);
    if (!rung || !std::isfinite(schedule_.rank_value(point, *rung))) continue;
    // Results of few steps and of many aren't compared: all points have the first rung's.
    observations.push_back({.point = schedule_.points()[static_cast<size_t>(point)].point,
                            .value = schedule_.rank_value(point, 0)});
  }
  const std::optional<Point> point = proposals_.next(observations);
  if (!point) return;
  journal_.write({{"event", "point"},
                  {"point", schedule_.points().size()},
                  {"values", json_of(*point)},
                  {"results_known", observations.size()}});
  proposals_.add(*point);
  schedule_.add_point(*point);
}

void SweepController::promote() {
  const bool slot_is_free = pool_.free() >= static_cast<size_t>(sweep_.ranks_per_trial);
  for (const Task& task : schedule_.promotions_now(proposals_.all_made(), slot_is_free)) {
    nlohmann::ordered_json values = nlohmann::ordered_json::array();
    for (int64_t point = 0; point < static_cast<int64_t>(schedule_.points().size()); ++point) {
      const double value = schedule_.rank_value(point, task.rung - 1);
      if (std::isfinite(value)) values.push_back({point, value});
    }
    // With what was known then: ASHA's decisions depend on who was faster.
    journal_.write({{"event", "promote"},
                    {"point", task.trial.point},
                    {"rung", task.rung},
                    {"compared", values}});
    schedule_.promoted(task.trial.point, task.rung);
    on_event_(
        fmt::format("point {} goes on to step {}", task.trial.text(), sweep_.rungs[task.rung]));
  }
}

std::vector<std::string> SweepController::mpirun_command(
    const std::vector<Slot>& slots, const std::vector<std::string>& arguments) const {
  std::vector<std::string> command = {options_.mpirun, "--bind-to", "none", "--oversubscribe"};
  std::map<std::string, std::vector<int64_t>> by_host;
  for (const Slot& slot : slots) by_host[slot.host].push_back(slot.number);
  bool first = true;
  for (const auto& [host, numbers] : by_host) {
    if (!first) command.push_back(":");
    first = false;
    command.insert(command.end(), {"-np", fmt::format("{}", numbers.size())});
    if (!host.empty())
      command.insert(command.end(), {"--host", fmt::format("{}:{}", host, numbers.size())});
    if (options_.gpus)
      command.insert(command.end(),
                     {"-x", fmt::format("CUDA_VISIBLE_DEVICES={}", fmt::join(numbers, ","))});
    if (!host.empty()) command.insert(command.end(), {"-x", "CANDOR_SWEEP_JOB"});
    command.push_back(options_.program);
    command.insert(command.end(), arguments.begin(), arguments.end());
  }
  return command;
}

int SweepController::run_on_all_slots(const std::string& doing,
                                      const std::vector<std::string>& arguments,
                                      const std::string& log_path) {
  end_pool();  // its ranks would keep what this needs, on GPUs above all
  const std::optional<std::vector<Slot>> slots = pool_.take(pool_.total());
  // No other job may have its token: the watcher of a session that was killed ends what has it.
  const int64_t number = ++largest_job_;
  journal_.write({{"event", "job"}, {"job", number}, {"doing", doing}});
  TrialJob job({.command = mpirun_command(*slots, arguments),
                .log_path = log_path,
                .token = token(fmt::format("{};", number))});
  std::optional<int> code;
  while (!(code = job.poll())) {
    if (options_.asked_to_stop()) job.end();
    on_tick_({sweep_, schedule_, proposals_.count(), {}, doing, seconds_used()});
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  pool_.give_back(*slots);
  return *code;
}

void SweepController::make_pool() {
  if (++pools_without_result_ > kMostPoolsWithoutResult) {
    throw ChildFailedError(
        kExitCommunication,
        fmt::format(
            "the ranks that stay ended {} times before a training did, and none was to blame: {}",
            kMostPoolsWithoutResult, trial_pool_ ? trial_pool_->last_words() : ""));
  }
  const auto groups = static_cast<int64_t>(slots_.size()) / sweep_.ranks_per_trial;
  const std::vector<Slot> slots(slots_.begin(), slots_.begin() + groups * sweep_.ranks_per_trial);
  const int64_t job = ++largest_job_;
  journal_.write({{"event", "pool"}, {"job", job}});
  files_.make_pool_folder(job);
  const std::vector<std::string> arguments = {"pool", files_.pool_config_path(job),
                                              "--ranks-per-trial",
                                              fmt::format("{}", sweep_.ranks_per_trial)};
  trial_pool_ = std::make_shared<TrialPool>(
      TrialPoolOptions{.folder = files_.pool_dir(job),
                       .groups = groups,
                       .ranks_per_group = sweep_.ranks_per_trial,
                       .job = {.command = mpirun_command(slots, arguments),
                               .log_path = files_.pool_dir(job) + "/job.log",
                               .token = token(fmt::format("{};", job))}});
}

void SweepController::end_pool() {
  if (!trial_pool_) return;
  trial_pool_->end();
  while (trial_pool_->lives()) std::this_thread::sleep_for(std::chrono::milliseconds(20));
  trial_pool_.reset();
}

bool SweepController::start_next() {
  if (trial_pool_ && trial_pool_->lives() && !trial_pool_->takes_tasks())
    return false;  // it ends; the next one is made then
  std::optional<std::vector<Slot>> slots = pool_.take(static_cast<size_t>(sweep_.ranks_per_trial));
  if (!slots) return false;
  const auto is_open = [&](const Task& task) { return !is_refused(task); };
  const auto may_start = [&](const Task& task) {
    if (is_refused(task)) return false;
    const std::string& trunk = needs_of(task).trunk;
    return trunk.empty() || trunks_made_.count(trunk) > 0 ||
           trunk_makers_.count(trunk) == 0;  // else somebody is computing what it would compute
  };
  std::optional<Task> task = schedule_.next(may_start);
  // No point before it can be trained: TPE learns from those before.
  if (!task && !schedule_.next(is_open) && !proposals_.all_made() && !out_of_budget()) {
    propose();
    task = schedule_.next(may_start);
  }
  if (!task) {
    pool_.give_back(*slots);
    return false;
  }
  if (const Refusal refusal = refusal_of(*task); refusal.exit_code != 0) {
    pool_.give_back(*slots);
    if (std::none_of(refused_.begin(), refused_.end(),
                     [&](const auto& other) { return other.second.why == refusal.why; }))
      on_event_(fmt::format("{} can't be trained: {}", task->trial.text(), refusal.why));
    refused_[task->trial.point] = refusal;
    return true;
  }
  const std::string& shared = needs_of(*task).shared;
  if (!files_.shared_is_there(shared)) {
    pool_.give_back(*slots);
    return prepare_shared(shared, point_of(*task));
  }
  start_training(*task, std::move(*slots));
  return true;
}

void SweepController::start_training(const Task& task, std::vector<Slot> slots) {
  const Point& point = point_of(task);
  files_.make_trial(point, task.trial);
  if (const std::string& trunk = needs_of(task).trunk;
      !trunk.empty() && trunks_made_.count(trunk) == 0)
    trunk_makers_[trunk] = task.trial;
  const int64_t pause_at = task.rung + 1 == sweep_.rungs.size() ? 0 : sweep_.rungs[task.rung];
  const int64_t job = ++largest_job_;
  journal_.write({{"event", "start"},
                  {"job", job},
                  {"point", task.trial.point},
                  {"repeat", task.trial.repeat},
                  {"rung", task.rung},
                  {"slots", slots.size()}});
  auto trial = std::make_unique<RunningTrial>();
  trial->task = task;
  trial->started_at = trial->last_sign_at = steady_seconds();
  trial->log_begins_at = size_of(files_.log_path(task.trial));
  if (options_.in_process) {
    if (!trial_pool_ || !trial_pool_->lives()) make_pool();
    trial->run = trial_pool_->start({.config_path = files_.config_path(task.trial),
                                     .pause_at = pause_at,
                                     .log_path = files_.log_path(task.trial)});
  } else {
    std::vector<std::string> arguments = {"train", files_.config_path(task.trial), "--resume"};
    if (pause_at > 0)
      arguments.insert(arguments.end(), {"--pause-at", fmt::format("{}", pause_at)});
    trial->run = std::make_unique<TrialJob>(
        TrialJobOptions{.command = mpirun_command(slots, arguments),
                        .environment = {{"CANDOR_SWEEP_POINT", task.trial.text()}},
                        .log_path = files_.log_path(task.trial),
                        .token = token(fmt::format("{};", job))});
  }
  trial->slots = std::move(slots);
  schedule_.started(task);
  running_.push_back(std::move(trial));
}

void SweepController::look_after(RunningTrial& trial) {
  const uint64_t size =
      size_of(files_.log_path(trial.task.trial)) + size_of(files_.metrics_path(trial.task.trial));
  if (size != trial.last_size) {
    trial.last_size = size;
    trial.last_sign_at = steady_seconds();
    const std::string& trunk = needs_of(trial.task).trunk;
    const auto maker = trunk_makers_.find(trunk);
    if (maker != trunk_makers_.end() && maker->second == trial.task.trial &&
        size_of(files_.metrics_path(trial.task.trial)) > 0) {
      trunk_makers_.erase(maker);
      trunks_made_.insert(trunk);
      journal_.write({{"event", "trunk"}, {"id", trunk}});
    }
  }
  if (trial_pool_ && !trial_pool_->takes_tasks()) return;  // silent because it is ended
  if (trial.why_ended.empty() && steady_seconds() - trial.last_sign_at > sweep_.stall_s) {
    trial.why_ended =
        fmt::format("it wrote nothing for {:.0f} s (sweep.stall_s) and was ended", sweep_.stall_s);
    trial.run->end();
  }
}

void SweepController::training_ended(RunningTrial& trial, int code) {
  const TrialId id = trial.task.trial;
  const bool last = trial.task.rung + 1 == sweep_.rungs.size();
  const double slot_seconds =
      (steady_seconds() - trial.started_at) * static_cast<double>(trial.slots.size());
  slot_seconds_ += slot_seconds;
  pool_.give_back(trial.slots);
  for (auto maker = trunk_makers_.begin(); maker != trunk_makers_.end();)
    maker = maker->second == id ? trunk_makers_.erase(maker) : std::next(maker);
  nlohmann::ordered_json event = {{"event", "end"},      {"point", id.point},
                                  {"repeat", id.repeat}, {"rung", trial.task.rung},
                                  {"exit", code},        {"slot_seconds", slot_seconds}};
  std::optional<std::map<std::string, double>> figures;
  if (code == 0)
    figures = figures_at(read_trial_curve(files_.metrics_path(id)),
                         last ? 0 : sweep_.rungs[trial.task.rung]);
  const std::string& metric = sweep_.objectives.front().metric;
  const bool incomparable = figures && figures->count(metric) == 0;
  if (figures && !incomparable) {
    event["figures"] = *figures;
    journal_.write(event);
    failures_.erase(id);
    pools_without_result_ = 0;
    schedule_.finished(trial.task, *figures);
    on_event_(fmt::format("{} step {:.0f}: {} {:.4f}  ({})", id.text(), figures->at("step"), metric,
                          figures->at(metric), point_of(trial.task).text()));
    return;
  }
  if (options_.asked_to_stop() || (trial.why_ended.empty() && trial.run->blameless())) {
    journal_.write(event);
    schedule_.interrupted(trial.task);
    return;
  }
  std::string why = trial.why_ended;
  if (why.empty() && incomparable) {
    code = kExitUserError;  // it would come out the same again
    event["exit"] = code;
    why = fmt::format("its validation gives no {}, which sweep.objective compares", metric);
  }
  if (why.empty())
    why = code == 0 ? "it left no validation figures in metrics.jsonl"
                    : reason_in_log(files_.log_path(id), trial.log_begins_at);
  if (why.empty()) why = trial.run->last_words();
  if (why.empty()) why = fmt::format("it ended with {} (see {})", code, files_.log_path(id));
  pools_without_result_ = 0;
  const int64_t failures = ++failures_[id];
  const bool given_up = !options_.retry_may_help(code) || failures > sweep_.retries;
  event["failure"] = true;
  event["given_up"] = given_up;
  event["why"] = why;
  journal_.write(event);
  on_event_(fmt::format("{} failed{}: {}", id.text(), given_up ? "" : ", is tried again", why));
  given_up ? schedule_.failed(trial.task, why, code) : schedule_.interrupted(trial.task);
}

}  // namespace candor::launch
