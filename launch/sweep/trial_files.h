// The files of a sweep's folder: what trials share, the folder of each, and what a trial has
// written about itself.
//
//   sweep.dir/shared/<hash>/   answers, grades and tokens of every trial with the same model, data
//   and prompt sweep.dir/trunks/          what frozen layers give (train.trunk_dir)
//   sweep.dir/pool/9/          ranks that stay: their config, tasks and output
//   sweep.dir/trials/0007/     run.dir of point 7; 0007.1 of its second seed
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "launch/sweep/schedule_of_trials.h"

namespace candor::launch {

class TrialFiles {
 public:
  // threads_per_rank: of every trial whose config doesn't say it.
  TrialFiles(const SweepConfig& sweep, int64_t threads_per_rank);

  std::string trial_dir(const TrialId& trial) const;
  std::string config_path(const TrialId& trial) const { return trial_dir(trial) + "/trial.yaml"; }
  std::string log_path(const TrialId& trial) const { return trial_dir(trial) + "/job.log"; }
  std::string metrics_path(const TrialId& trial) const;

  // Of the answers, grades and tokens that this point needs.
  std::string shared_id(const Point& point) const;
  std::string shared_dir(const std::string& id) const;
  std::string shared_config_path(const std::string& id) const {
    return shared_dir(id) + "/shared.yaml";
  }
  std::string shared_log_path(const std::string& id) const { return shared_dir(id) + "/job.log"; }
  std::string shared_tokens_path(const std::string& id) const;
  bool shared_is_there(const std::string& id) const;
  void write_shared_config(const Point& point) const;

  // Of ranks that stay (trial_pool.h), each time in another folder: what a rank writes that
  // outlived an earlier pool isn't read.
  std::string pool_dir(int64_t job) const;
  std::string pool_config_path(int64_t job) const { return pool_dir(job) + "/pool.yaml"; }
  // Its folder, and what is the same for all points.
  void make_pool_folder(int64_t job) const;

  // Of the frozen layers that this point's trainings read; empty: none.
  std::string trunk_id(const Point& point) const;

  RunConfig trial_config(const Point& point, const TrialId& trial) const;
  // Its folder, config and links to what is shared.
  void make_trial(const Point& point, const TrialId& trial) const;

 private:
  RunConfig with_threads(RunConfig config) const;

  const SweepConfig& sweep_;
  int64_t threads_per_rank_;
};

struct CurvePointOfTrial {
  int64_t step = 0;
  double loss = 0;  // NaN where it wasn't finite
  std::map<std::string, double> validation{};
};

// What metrics.jsonl says so far; a line that is being written is left out.
std::vector<CurvePointOfTrial> read_trial_curve(const std::string& metrics_path);

// The validation figures at this step (0: at the last step of all), with "step" and "loss"; nothing
// if there are none.
std::optional<std::map<std::string, double>> figures_at(const std::vector<CurvePointOfTrial>& curve,
                                                        int64_t step);

// The last line that tells a reason, of a job's log from this byte on; "" for none.
std::string reason_in_log(const std::string& log_path, uint64_t from = 0);

}  // namespace candor::launch
