// metrics.jsonl: one line a training step, and the same figures as TensorBoard events.
//
// A resumed run first drops the lines of steps after the checkpoint it starts from, so that every
// step has one line, and voids the events of those steps. A run from its beginning removes the
// event files of the one before.
#pragma once

#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "trainer/objectives/schedule.h"
#include "trainer/training/tensorboard_events.h"
#include "trainer/training/validation_figures.h"

namespace candor::trainer {

struct StepRecord {
  int64_t step = 0;  // steps done, from 1
  int64_t max_steps = 0;
  double loss = 0;  // mean over the global batch
  double gradient_norm = 0, learning_rate = 0;
  std::vector<LossWeight> losses{};
  double examples_per_s = 0;
  double tokens_per_s = 0;           // computed rows
  double unshared_tokens_per_s = 0;  // as if every example carried its prefix
  double share_of_peak = 0;  // operations of the step's products (pass_cost.h) a second, of the
                             // ranks' measured peak; 0: not measured
  bool skipped = false;      // loss or gradient wasn't finite, so nothing was changed
  std::optional<ValidationFigures> validation{};
};

std::string to_json_line(const StepRecord& record);

class MetricsLog {
 public:
  // Keeps the lines up to resumed_step, appends after them. events_folder empty: no TensorBoard
  // events. Throws std::system_error naming the file.
  MetricsLog(std::string path, const std::string& events_folder, int64_t resumed_step);
  ~MetricsLog();
  MetricsLog(const MetricsLog&) = delete;
  MetricsLog& operator=(const MetricsLog&) = delete;

  void write(const StepRecord& record);

  int64_t last_step() const { return last_step_; }  // of the lines in the file; 0: none

 private:
  std::string path_;
  int64_t last_step_ = 0;
  std::FILE* file_ = nullptr;
  std::unique_ptr<TensorBoardEvents> events_;
};

}  // namespace candor::trainer
