// A checkpoint: a folder step_000123/ with the adapter (loads in PEFT as it is), the optimizer's
// moments, and state.json, which is written last and holds the size and SHA-256 of the others. The
// folder is filled under a temporary name and renamed: it is there whole or not at all.
//
// One process writes; every rank may read. Throws std::system_error for the disk,
// std::invalid_argument naming the file for a checkpoint that is damaged or belongs to another run
// (identity).
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "trainer/model/lora.h"
#include "trainer/training/adamw.h"
#include "trainer/training/checkpoint_manifest.h"

namespace candor::trainer {

// All that a training goes on from, in host memory of its own.
struct TrainingSnapshot {
  TrainState state;
  at::Tensor parameters, first_moment, second_moment;  // flat, as in LoraAdapter and AdamW
};

TrainingSnapshot training_snapshot(const TrainState& state, const LoraAdapter& adapter,
                                   const AdamW& optimizer);
void go_back_to(const TrainingSnapshot& snapshot, TrainState& state, LoraAdapter& adapter,
                AdamW& optimizer);

std::string checkpoint_folder(const std::string& checkpoints, int64_t step);

// All that it consists of, state.json last.
std::vector<std::string> checkpoint_files(const std::string& checkpoints, int64_t step);

// layout: an adapter of the point's shape; its values aren't looked at. before_rename is called
// when all is on the disk, and may throw.
void write_checkpoint(const std::string& checkpoints, const TrainingSnapshot& snapshot,
                      const LoraAdapter& layout, const std::function<void()>& before_rename = {});

// Steps of the whole checkpoints in the folder, ascending; empty if there is no folder.
std::vector<int64_t> checkpoint_steps(const std::string& checkpoints);

// What is wrong with a checkpoint's files (path and how they differ from state.json); empty if they
// are whole. adapter_only: without the optimizer's. Throws std::system_error where the disk fails
// to read.
std::string checkpoint_damage(const std::string& checkpoints, int64_t step,
                              bool adapter_only = false);

// Of a checkpoint without damage.
int64_t checkpoint_best_step(const std::string& checkpoints, int64_t step);

// What it says of whose it is; empty if it says nothing, or nothing readable.
std::string checkpoint_identity(const std::string& checkpoints, int64_t step);

// Fills adapter parameters and optimizer. identity: as this run has it; a difference is an error
// that names what to do.
TrainState read_checkpoint(const std::string& checkpoints, int64_t step,
                           const std::string& identity, const ModelConfig& config,
                           LoraAdapter& adapter, AdamW& optimizer);

// Removes all but the newest `keep` and `best_step`.
void prune_checkpoints(const std::string& checkpoints, int64_t keep, int64_t best_step);

}  // namespace candor::trainer
