// Trainings on ranks that stay: one mpirun for all slots, whose ranks form groups that train one
// point after the other and keep the base model.
//
// Usage:   auto pool = std::make_shared<TrialPool>(TrialPoolOptions{...});   auto run =
// pool->start(task);   if (auto code = run->poll()) ...
// Nothing but time is saved: a training gives the same bits as in an mpirun of its own. What it
// costs: when a rank dies, so do all, and the trainings beside it go on from their checkpoints in
// the next pool. To blame is the training of the rank that said so, or that mpirun names; all that
// ran if neither said anything; none if the pool didn't come so far that its ranks could train, or
// lost a rank that had nothing to do.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "launch/sweep/pool_task.h"
#include "launch/sweep/trial_job.h"
#include "launch/sweep/trial_run.h"

namespace candor::launch {

struct TrialPoolOptions {
  std::string folder;  // of tasks and results, its own
  int64_t groups = 1;  // ranks_per_group ranks each, in the order of the job's ranks
  int64_t ranks_per_group = 1;
  TrialJobOptions job;
};

class TrialPool : public std::enable_shared_from_this<TrialPool> {
 public:
  // Throws std::system_error.
  explicit TrialPool(TrialPoolOptions options);

  // On a free group: no more than `groups` run at a time. The id is given here.
  std::unique_ptr<TrialRun> start(PoolTask task);
  // False once its mpirun has ended.
  bool lives();
  // False too while it ends.
  bool takes_tasks() { return lives() && !asked_to_end_ && !going_down_since_; }
  // Asks all ranks to save and end.
  void end();
  // What its ranks or mpirun said of the end, and where; "" if nothing.
  std::string last_words() const;

 private:
  class Run;

  struct Group {
    int64_t task = 0;  // 0: free
    std::optional<int> code{};
    bool blameless = false;
  };

  void look(int64_t group);
  void read_result(int64_t group);
  void settle_blame(int code);

  TrialPoolOptions options_;
  PoolFolder folder_;
  TrialJob job_;
  std::vector<Group> groups_;
  std::optional<int> ended_with_;
  bool asked_to_end_ = false;
  bool rank_ends_all_ = false;                // and has said so
  std::optional<double> going_down_since_{};  // seen in a result: it ends, or others were stopped
                                              // by a signal that isn't ours
  int64_t last_task_ = 0;
};

// What mpirun says of the first rank that it names as lost.
struct LostRank {
  int64_t rank = 0;
  std::string words;
};
std::optional<LostRank> lost_rank_in(const std::string& output);

}  // namespace candor::launch
