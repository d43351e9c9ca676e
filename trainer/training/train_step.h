// One step of a training: fixed micro-batches -> this rank's share of them forward and backward ->
// reproducible sum of the gradients over all ranks -> divided by the global example count ->
// clipped -> AdamW, on every rank alike.
//
// Collective: take(), on every rank with the same step. Throws NonFiniteError on all ranks
// together, CommError.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "comm/gradient_sum.h"
#include "trainer/base_cache/frozen_trunk.h"
#include "trainer/training/learner.h"
#include "trainer/training/metrics_log.h"
#include "trainer/training/micro_batch_gradient.h"
#include "trainer/training/step_plan.h"
#include "trainer/training/train_context.h"
#include "trainer/training/training_points.h"

namespace candor::trainer {

class TrainStep {
 public:
  // What a step reads beside the learner; all of it must outlive this.
  struct Inputs {
    const StepPlan& plan;
    const std::vector<double>& weight_of_example;  // by index into the token data
  };

  // The points are told which checkpoints another rank has written.
  TrainStep(const TrainContext& context, const Inputs& inputs, Learner& learner,
            TrainingPoints& points);

  struct Outcome {
    StepRecord record;
    bool stop = false;  // a rank was asked to stop, and all know it
  };

  // index counts from 0. trunk: null where all layers are computed. operations_per_second: of all
  // ranks' products at most (ranks_peak.h).
  Outcome take(int64_t index, const FrozenTrunk* trunk, double operations_per_second);

 private:
  struct Step;  // what one step computes with
  struct Work;  // how much that is

  Step plan_step(int64_t index, const FrozenTrunk* trunk) const;
  Work work_of(const Step& step) const;
  void warn_of_idle_ranks(const Step& step);
  GradientOptions gradient_options(const Step& step, size_t micro_batch) const;
  void compute_micro_batches(Step& step, comm::GradientSum* sum);
  void sum_figures(Step& step);
  void update(Step& step, comm::GradientSum* sum, int64_t examples, StepRecord& record);
  void skip_or_stop(const Step& step);
  void write_reproducer_of(const Step& step, int64_t micro_batch, const std::string& folder) const;

  const TrainContext& context_;
  Inputs inputs_;
  Learner& learner_;
  TrainingPoints& points_;
  comm::GradientLayout layout_;
  int64_t skipped_in_a_row_ = 0;
  bool warned_idle_ = false;
};

}  // namespace candor::trainer
