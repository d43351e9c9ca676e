// Which examples each training step takes, in which micro-batches: a pure function of the data and
// the options, known to every rank and the same for any number of them. An epoch's last step takes
// what is left and may be smaller; nothing is dropped.
//
// Cost: steps asked for in order shuffle each epoch once, so that a whole run's planning is linear
// in its examples. Threads: one at a time, because the last epoch's order is kept.
#pragma once

#include <cstdint>
#include <set>
#include <vector>

namespace candor::trainer {

// How long a training is, and in which portions it takes its examples.
struct BatchOptions {
  // max_steps counts where it is above 0; else there are `epochs` whole epochs.
  int64_t max_steps = 0, epochs = 0;
  int64_t global_batch_examples = 16, micro_batch_examples = 4;
  bool operator==(const BatchOptions&) const = default;
};

class StepPlan {
 public:
  // Throws std::invalid_argument for no examples, or options out of range.
  StepPlan(std::vector<int64_t> examples, uint64_t seed, const BatchOptions& options);

  int64_t max_steps() const { return max_steps_; }
  int64_t steps_per_epoch() const { return steps_per_epoch_; }

  // Step counts from 0.
  std::vector<std::vector<int64_t>> micro_batches_of(int64_t step) const;

  // All that the run's steps take.
  std::set<int64_t> examples_taken() const;

 private:
  const std::vector<int64_t>& order_of(int64_t epoch) const;

  std::vector<int64_t> examples_;
  uint64_t seed_;
  BatchOptions options_;
  int64_t steps_per_epoch_ = 0, max_steps_ = 0;
  mutable int64_t ordered_epoch_ = -1;
  mutable std::vector<int64_t> order_;  // of ordered_epoch_
};

}  // namespace candor::trainer
