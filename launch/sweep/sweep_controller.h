// Runs a sweep: proposes points, starts their trainings on free slots, compares, promotes, retries,
// and keeps the journal. One thread, no MPI.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "launch/sweep/proposals.h"
#include "launch/sweep/schedule_of_trials.h"
#include "launch/sweep/slots.h"
#include "launch/sweep/sweep_journal.h"
#include "launch/sweep/trial_files.h"
#include "launch/sweep/trial_job.h"
#include "launch/sweep/trial_pool.h"

namespace candor::launch {

struct ControllerOptions {
  std::string program;  // candor
  std::string mpirun = "mpirun";
  int64_t threads_per_rank = 1;
  bool gpus = false;        // a slot's number is its GPU's
  bool in_process = false;  // trainings run on ranks that stay (trial_pool.h)
  std::function<bool()> asked_to_stop;
  std::function<bool(int exit_code)> retry_may_help;  // of a training that failed with this code
};

struct RunningTrial {
  Task task;
  std::vector<Slot> slots;
  std::unique_ptr<TrialRun> run;
  double started_at = 0, last_sign_at = 0;
  uint64_t log_begins_at = 0;  // of this try
  uint64_t last_size = 0;      // of its log and metrics, which grow while it works
  std::string why_ended;       // by the controller
};

// What onlookers are shown.
struct SweepProgress {
  const SweepConfig& sweep;
  const ScheduleOfTrials& schedule;
  size_t points_in_all = 0;
  std::vector<const RunningTrial*> running{};
  std::string preparing{};  // the shared work that runs now
  double seconds = 0;       // of this and earlier sessions
};

class SweepController {
 public:
  // slots: at least sweep.ranks_per_trial.
  SweepController(const SweepConfig& sweep, std::vector<Slot> slots, ControllerOptions options,
                  SweepJournal& journal);

  // on_event: a line for people; on_tick: some times a second. False: it was asked to stop, and the
  // same command goes on.
  bool run(const std::function<void(const std::string&)>& on_event,
           const std::function<void(const SweepProgress&)>& on_tick);

  // After run(): report.html and report.json of the best point in its folder, on all slots. A
  // failure is an event.
  void evaluate_best();

  const ScheduleOfTrials& schedule() const { return schedule_; }
  const TrialFiles& files() const { return files_; }

 private:
  struct Needs {
    std::string shared, trunk;        // ids, as TrialFiles has them
    std::string problem{};            // why the config can't be read; empty: it can
    int64_t validation_examples = 0;  // train.validation_examples
  };
  struct Refusal {
    int exit_code = 0;  // 0: it can be trained
    std::string why{};
  };

  void replay();
  bool out_of_budget() const;
  void propose();
  void promote();
  bool start_next();
  // Its exit code. doing: what onlookers are told meanwhile.
  int run_on_all_slots(const std::string& doing, const std::vector<std::string>& arguments,
                       const std::string& log_path);
  bool prepare_shared(const std::string& id, const Point& point);
  // Why no training of this point can work, as far as that is known before one is started.
  Refusal refusal_of(const Task& task);
  Refusal refusal_by_objective(const Needs& needs);
  bool is_refused(const Task& task) const { return refused_.count(task.trial.point) > 0; }
  bool is_over();
  // At the end: the points that were refused fail. False where there was none. Throws where no
  // other point has a result, and leaves the journal as it was: what is wrong may be put right.
  bool give_up_the_refused();
  void start_training(const Task& task, std::vector<Slot> slots);
  void make_pool();
  void end_pool();  // and wait
  void look_after(RunningTrial& trial);
  void training_ended(RunningTrial& trial, int code);
  std::vector<std::string> mpirun_command(const std::vector<Slot>& slots,
                                          const std::vector<std::string>& arguments) const;
  std::string token(const std::string& job) const;
  double seconds_used() const;
  const Needs& needs_of(const Task& task);  // kept, because a config is read to know them
  const Point& point_of(const Task& task) const {
    return schedule_.points()[static_cast<size_t>(task.trial.point)].point;
  }

  const SweepConfig& sweep_;
  ControllerOptions options_;
  SweepJournal& journal_;
  const std::vector<Slot> slots_;
  SlotPool pool_;
  TrialFiles files_;
  Proposals proposals_;
  ScheduleOfTrials schedule_;
  std::shared_ptr<TrialPool> trial_pool_;  // null: not started yet, or not in_process
  int pools_without_result_ = 0;           // started since a training was done or to blame
  std::vector<std::unique_ptr<RunningTrial>> running_;
  std::map<TrialId, int64_t> failures_;  // one after the other, of the training that is due
  std::map<int64_t, Needs> needs_;       // by point
  std::map<int64_t, Refusal> refused_;   // by point
  std::map<std::string, Refusal> refused_shared_;     // by id: what couldn't be prepared
  std::map<std::string, Refusal> refused_objective_;  // by what it is measured on
  std::set<std::string> trunks_made_;
  std::map<std::string, TrialId> trunk_makers_;
  std::function<void(const std::string&)> on_event_;
  std::function<void(const SweepProgress&)> on_tick_;
  double began_at_ = 0, seconds_before_ = 0, slot_seconds_ = 0;
  int64_t largest_job_ = 0;  // number of the last job, for tokens
  bool budget_told_ = false;
};

}  // namespace candor::launch
