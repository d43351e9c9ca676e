// The training loop: data-parallel LoRA fine-tuning with the same bits on any number of ranks.
//
// Usage:   Trainer trainer(model, data, options, group);   TrainResult result = trainer.run();
// Each step (train_step.h) is followed by what belongs to it: validation, its line in the log, and
// a point to go on from. Rank 0 writes files; all ranks decide together.
// Ranks that are lost in a step (RankLostError) cost that step at most: the others take it from its
// beginning, with the micro-batches dealt anew, to the same bits; whichever is then rank 0 writes,
// checkpoints that the lost one hadn't finished too.
// Collective: the constructor and run(), on every rank with the same arguments.
// Throws std::invalid_argument for data or options that don't fit, NonFiniteError on all ranks
// together, CommError, PreemptedError when asked to stop, std::system_error for the disk.
#pragma once

#include <memory>
#include <vector>

#include "trainer/base_cache/frozen_trunk.h"
#include "trainer/training/learner.h"
#include "trainer/training/ranks_peak.h"
#include "trainer/training/step_plan.h"
#include "trainer/training/train_context.h"
#include "trainer/training/train_examples.h"
#include "trainer/training/train_log.h"
#include "trainer/training/train_options.h"
#include "trainer/training/train_step.h"
#include "trainer/training/training_points.h"
#include "trainer/training/validator.h"

namespace candor::trainer {

struct TrainResult {
  int64_t steps = 0;      // done
  bool finished = false;  // else it paused
  int64_t best_step = 0;
  double best_brier = 0;  // tokenized Brier on validation
  ValidationFigures last{};
};

class Trainer {
 public:
  Trainer(const LlamaModel& model, const data::TokenData& data, TrainOptions options,
          comm::ProcessGroup& group);
  Trainer(const Trainer&) = delete;  // its parts refer to each other
  Trainer& operator=(const Trainer&) = delete;

  TrainResult run();

  const StepPlan& plan() const { return plan_; }
  const LoraAdapter& adapter() const { return learner_.adapter; }

 private:
  void make_trunk();
  void tell_of_left_out_examples() const;
  void run_in_spite_of_losses();
  void run_steps();
  void validate_if_due(StepRecord& record);
  int64_t stop_step() const;  // the last of this run(): pause_at, or the last of all
  void finish_run();
  void take_over_writing();
  void go_on_from_the_step_all_have_done();
  [[noreturn]] void stop();

  TrainOptions options_;
  TrainContext context_;
  TrainExamples train_examples_;
  std::vector<double> weight_of_example_;  // train_examples.h
  StepPlan plan_;
  Learner learner_;
  Validator validator_;
  TrainingPoints points_;
  TrainStep step_;
  TrainLog log_;
  RanksPeak peak_;
  std::unique_ptr<FrozenTrunk> trunk_;
};

}  // namespace candor::trainer
