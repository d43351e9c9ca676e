// candor train: fits the adapter on the train split of <run.dir>/tokens.h5; checkpoints/,
// metrics.jsonl, tensorboard/, adapter/.
#pragma once

#include "launch/config/run_config.h"
#include "launch/config/run_paths.h"
#include "launch/context/run_context.h"

namespace candor::launch {

// Collective: every rank of context.group calls it. Returns an exit code (exit_codes.h); throws
// what run_candor turns into one.
int train_command(const RunConfig& config, RunContext& context);

// What of the config can't be known to fit before the examples are: a warm-up that the run's steps
// don't reach the end of. train_adapter() asks before it writes anything. Not collective.
// Throws std::invalid_argument, also for a train split without graded examples.
void check_training_length(const RunConfig& config, const data::TokenData& data);

struct AdapterTraining {
  std::string name = "train";  // begins each line on stderr
  RunPaths output;       // whose config, checkpoints, metrics, tensorboard and adapter are written
  bool resume = false;   // from the newest checkpoint, if there is one
  int64_t pause_at = 0;  // a step at which to save and return, without an adapter yet; 0: none
};

// What train_command does, but into any folder: tokens.h5 is that of config.run.dir. Collective.
void train_adapter(const RunConfig& config, const AdapterTraining& training, RunContext& context);

}  // namespace candor::launch
