// A checkpoint: a folder step_000123/ with the adapter (loads in PEFT as it is), the optimizer's moments, and state.json, which is written last and
// holds the size and SHA-256 of the others. The folder is filled under a temporary name and renamed: it is there whole or not at all.
//
// Rank 0 writes; every rank may read. Throws std::system_error for the disk, std::invalid_argument naming the file for a checkpoint that is damaged
// or belongs to another run (identity).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "trainer/model/lora.h"
#include "trainer/training/adamw.h"

namespace candor {

struct TrainState {
  int64_t step = 0;        // steps done
  int64_t best_step = 0;   // 0: none yet
  double best_brier = 0;   // tokenized Brier on validation
  std::string identity{};  // of data, options, threads, processor and dtype: what fixes the bits
  std::string base_model{};
};

std::string checkpoint_folder(const std::string& checkpoints, int64_t step);

void write_checkpoint(const std::string& checkpoints, const TrainState& state, const LoraAdapter& adapter, const AdamW& optimizer);

// Steps of the whole checkpoints in the folder, ascending; empty if there is no folder.
std::vector<int64_t> checkpoint_steps(const std::string& checkpoints);

// What it says of whose it is; empty if it says nothing.
std::string checkpoint_identity(const std::string& checkpoints, int64_t step);

// Fills adapter parameters and optimizer. identity: as this run has it; a difference is an error that names what to do.
TrainState read_checkpoint(const std::string& checkpoints, int64_t step, const std::string& identity, const ModelConfig& config, LoraAdapter& adapter,
                           AdamW& optimizer);

// Removes all but the newest `keep` and `best_step`.
void prune_checkpoints(const std::string& checkpoints, int64_t keep, int64_t best_step);

}  // namespace candor
