// All that a training (trainer.h) is told, by what it is for.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "data_pipeline/files/write_fence.h"
#include "trainer/evaluation/scoring_batch.h"
#include "trainer/hosts/host_files.h"
#include "trainer/model/lora.h"
#include "trainer/objectives/schedule.h"
#include "trainer/training/metrics_log.h"
#include "trainer/training/stop_request.h"
#include "trainer/training/train_settings.h"

namespace candor::trainer {

// Where things go; rank 0 writes.
struct TrainOutputs {
  std::string checkpoints_dir{}, adapter_dir{}, metrics_path{};
  std::map<std::string, std::string> adapter_texts{};  // of adapter_dir's further files, by name
  std::string events_dir{};                            // of TensorBoard; empty: none
  std::string non_finite_dir{};  // for reproducers of what isn't finite; empty: none
};

// The base model as the config names it, for adapter_config.json and reproducers.
struct BaseModelName {
  std::string folder{}, dtype{}, products{};
};

// The file of what the layers below the lowest adapted one give (frozen_trunk.h).
struct TrunkFile {
  std::string path{}, identity{};
  // Also of the train examples that this run's steps don't take: for a path that runs share.
  bool of_all = false;
};

// How this process takes its place between those before and after it.
struct Continuation {
  // Of everything that fixes the bits; a checkpoint with another isn't resumed.
  std::string identity{};
  bool resume = false;  // from the newest checkpoint that is whole, if there is one
  // A step at which to save and return; 0: only at the end, with the adapter of the best step.
  int64_t pause_at = 0;
  data::WriteFence* fence = nullptr;    // checked before anything appears; taken by each rank 0
  StopRequest* stop_request = nullptr;  // null: nobody asks
};

// All but on_trunk are called on rank 0, on_trunk on every rank.
struct TrainCallbacks {
  std::function<void(const StepRecord&)> on_step{};
  std::function<void(const std::string&)> on_message{};  // warnings and notices
  std::function<void()> before_adapter{};                // adapter_dir is about to be written
  // Micro-batches of the frozen trunk, of all ranks.
  std::function<void(int64_t done, int64_t total)> on_trunk{};
};

struct TrainOptions {
  uint64_t seed = 42;
  LoraOptions lora{};
  std::vector<ObjectiveStage> objective{};
  double lm_weight = 0;
  TrainSettings settings{};
  int64_t validation_batch_examples = kScoringBatchExamples;  // fixed, as every micro-batch
  BaseModelName base_model{};
  TrainOutputs outputs{};
  TrunkFile trunk{};
  Continuation continuation{};
  // Brings checkpoint and trunk to hosts with file systems of their own; null: all see rank 0's.
  HostFiles* hosts = nullptr;
  TrainCallbacks callbacks{};
};

}  // namespace candor::trainer
