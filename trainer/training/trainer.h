// The training loop: data-parallel LoRA fine-tuning with the same bits on any number of ranks.
//
// Usage:   Trainer trainer(model, data, options, group);   TrainResult result = trainer.run();
// Each step: fixed micro-batches -> this rank's share of them forward and backward -> reproducible
// sum of the gradients over all ranks -> divided by the global example count -> clipped -> AdamW,
// on every rank alike. Rank 0 writes files; all ranks decide together.
// Ranks that are lost in a step (RankLostError) cost that step at most: the others take it from its
// beginning, with the micro-batches dealt anew, to the same bits; whichever is then rank 0 writes,
// checkpoints that the lost one hadn't finished too.
// Collective: the constructor and run(), on every rank with the same arguments.
// Throws std::invalid_argument for data or options that don't fit, NonFiniteError on all ranks
// together, CommError, PreemptedError when asked to stop, std::system_error for the disk.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "comm/gradient_sum.h"
#include "comm/process_group.h"
#include "data_pipeline/files/write_fence.h"
#include "data_pipeline/tokens/token_file.h"
#include "trainer/base_cache/frozen_trunk.h"
#include "trainer/hosts/host_files.h"
#include "trainer/model/llama.h"
#include "trainer/objectives/schedule.h"
#include "trainer/training/adamw.h"
#include "trainer/training/checkpoint.h"
#include "trainer/training/checkpoint_writer.h"
#include "trainer/training/learning_rate.h"
#include "trainer/training/metrics_log.h"
#include "trainer/training/step_plan.h"
#include "trainer/training/stop_request.h"
#include "trainer/training/train_examples.h"

namespace candor::trainer {

struct TrainOptions {
  uint64_t seed = 42;
  LoraOptions lora{};
  std::vector<ObjectiveStage> objective{};
  double lm_weight = 0;
  int64_t max_steps = 0, epochs = 2;  // max_steps above 0 counts
  int64_t global_batch_examples = 16, micro_batch_examples = 4;
  LearningRateOptions learning_rate{};
  AdamWOptions adamw{};
  double clip_norm = 1;
  int64_t checkpoint_every = 50, keep_checkpoints = 3, validate_every = 50;
  int64_t drop_never_right = 0;            // 0: train on all; train_examples.h
  int64_t validation_examples = 0;         // 0: all
  int64_t validation_batch_examples = 16;  // fixed, as every micro-batch
  bool share_prefix = true;
  bool frozen_trunk = false;  // compute the layers below the lowest adapted one once
                              // (frozen_trunk.h), into trunk_path
  bool skip_non_finite =
      false;  // go on without a step whose loss or gradient isn't finite, instead of stopping
  int64_t verify_every = 100;    // steps between comparisons of all ranks' weights; the first is
                                 // before the first step; 0: never
  bool reproducible_sum = true;  // false: a plain all-reduce in the adapter's dtype, whose last
                                 // bits depend on the number of ranks

  // Where things go; rank 0 writes.
  std::string checkpoints_dir{}, adapter_dir{}, metrics_path{}, events_dir{};
  std::string non_finite_dir{};  // for reproducers of losses and gradients that aren't finite
  std::string trunk_path{}, trunk_identity{};
  bool trunk_of_all = false;  // also of train examples that this run's steps don't take: for a
                              // trunk_path that runs share
  std::string base_model{};   // for adapter_config.json
  std::string model_dtype{}, model_products{};  // as the config says them, for reproducers
  std::string
      identity{};  // of everything that fixes the bits; a checkpoint with another isn't resumed
  int64_t pause_at = 0;  // a step at which to save and return; 0: only at the end, with the adapter
                         // of the best step
  bool resume = false;   // from the newest checkpoint that is whole, if there is one
  data::WriteFence* fence = nullptr;    // checked before anything appears; taken by each rank 0
  StopRequest* stop_request = nullptr;  // null: nobody asks
  HostFiles* hosts = nullptr;  // brings checkpoint and trunk to hosts with file systems of their
                               // own; null: all see rank 0's

  std::function<void(const StepRecord&)> on_step{};      // rank 0
  std::function<void(const std::string&)> on_message{};  // rank 0: warnings and notices
  std::function<void(int64_t done, int64_t total)>
      on_trunk{};  // micro-batches of the frozen trunk, of all ranks
};

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

  TrainResult run();

  const StepPlan& plan() const { return plan_; }
  const LoraAdapter& adapter() const { return adapter_; }

 private:
  struct Step;  // train_step.cc: what one step computes with

  void resume();
  void make_trunk();
  void measure_peak();
  double sum_of_peaks();
  void run_steps();
  int64_t stop_step() const;  // the last of this run(): pause_at, or the last of all
  void finish_run();
  void take_over_writing(int64_t step);
  void go_on_from_the_step_all_have_done();
  void stop_if_asked();

  StepRecord train_step(int64_t step);
  void compute_micro_batches(Step& step, comm::GradientSum* sum);
  void sum_figures(Step& step);
  void report_non_finite(const Step& step);

  ValidationFigures validate();
  void say(const std::string& message) const;

  const LlamaModel& model_;
  const data::TokenData& data_;
  TrainOptions options_;
  comm::ProcessGroup& group_;
  TrainExamples train_examples_;
  std::vector<double>
      weight_of_example_;  // by index into the token data; 0 where it isn't trained on
  StepPlan plan_;
  LoraAdapter adapter_;
  AdamW optimizer_;
  comm::GradientLayout layout_;
  std::vector<int64_t> validation_examples_;
  std::optional<FrozenTrunk> trunk_;
  TrainState state_;
  // After the last step that is done with all that belongs to it, and after the one before: another
  // rank may not have got further.
  std::shared_ptr<const TrainingSnapshot> snapshot_, previous_snapshot_;
  std::optional<StepRecord> last_record_;
  std::mutex snapshot_mutex_;  // save_now() reads snapshot_ on another thread
  CheckpointWriter writer_;
  std::unique_ptr<MetricsLog> log_;  // rank 0
  ValidationFigures last_validation_;
  double my_gemm_peak_ = 0, gemm_peak_ = 0;  // of this rank and of all, operations a second; 0 on a
                                             // GPU, where it isn't measured
  int64_t skipped_in_a_row_ = 0;
  bool stop_agreed_ = false;
  bool warned_idle_ = false;
};

}  // namespace candor::trainer
