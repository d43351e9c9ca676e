// The training loop: data-parallel LoRA fine-tuning with the same bits on any number of ranks.
//
// Usage:   Trainer trainer(model, data, options, group);   TrainResult result = trainer.run();
// Each step: fixed micro-batches -> this rank's share of them forward and backward -> reproducible sum of the gradients over all ranks -> divided by
// the global example count -> clipped -> AdamW, on every rank alike. Rank 0 writes files; all ranks decide together.
// Collective: the constructor and run(), on every rank with the same arguments.
// Throws std::invalid_argument for data or options that don't fit, NonFiniteError on all ranks together, CommError, std::system_error for the disk.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "comm/gradient_sum.h"
#include "comm/process_group.h"
#include "data_pipeline/tokens/token_file.h"
#include "trainer/model/frozen_trunk.h"
#include "trainer/model/llama.h"
#include "trainer/objectives/schedule.h"
#include "trainer/training/adamw.h"
#include "trainer/training/checkpoint.h"
#include "trainer/training/learning_rate.h"
#include "trainer/training/metrics_log.h"
#include "trainer/training/step_plan.h"
#include "trainer/training/train_examples.h"

namespace candor {

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
  bool frozen_trunk = false;     // compute the layers below the lowest adapted one once (frozen_trunk.h), into trunk_path
  bool reproducible_sum = true;  // false: a plain all-reduce in the adapter's dtype, whose last bits depend on the number of ranks

  // Where things go; rank 0 writes.
  std::string checkpoints_dir{}, adapter_dir{}, metrics_path{}, events_dir{};
  std::string trunk_path{}, trunk_identity{};
  std::string base_model{};  // for adapter_config.json
  std::string identity{};    // of everything that fixes the bits; a checkpoint with another isn't resumed
  bool resume = false;       // from the newest checkpoint, if there is one

  std::function<void(const StepRecord&)> on_step{};             // rank 0
  std::function<void(const std::string&)> on_message{};         // rank 0: warnings and notices
  std::function<void(int64_t done, int64_t total)> on_trunk{};  // micro-batches of the frozen trunk, of all ranks
};

struct TrainResult {
  int64_t steps = 0;
  int64_t best_step = 0;
  double best_brier = 0;  // tokenized Brier on validation
  ValidationFigures last{};
};

class Trainer {
 public:
  Trainer(const LlamaModel& model, const TokenData& data, TrainOptions options, ProcessGroup& group);

  TrainResult run();

  const StepPlan& plan() const { return plan_; }
  const LoraAdapter& adapter() const { return adapter_; }

 private:
  void resume();
  void make_trunk();
  void measure_peak();
  StepRecord train_step(int64_t step);
  void sum_gradients(const std::vector<std::vector<int64_t>>& micro_batches, const std::vector<int>& rank_of, int64_t step,
                     double lm_weight_per_token, const std::vector<LossWeight>& losses, at::Tensor& gradient, at::Tensor& losses_M);
  ValidationFigures validate();
  void save(int64_t step);
  void say(const std::string& message) const;

  const LlamaModel& model_;
  const TokenData& data_;
  TrainOptions options_;
  ProcessGroup& group_;
  TrainExamples train_examples_;
  std::vector<double> weight_of_example_;  // by index into the token data; 0 where it isn't trained on
  StepPlan plan_;
  LoraAdapter adapter_;
  AdamW optimizer_;
  GradientLayout layout_;
  std::vector<int64_t> validation_examples_;
  std::optional<FrozenTrunk> trunk_;
  TrainState state_;
  double gemm_peak_ = 0;  // of all ranks, operations a second; 0 on a GPU, where it isn't measured
  bool warned_idle_ = false;
};

}  // namespace candor
