// Which losses a step mixes. Stages follow one another over the run's fraction done: a stage holds
// alone `until` its end; a stage with
// `ramp_to` first takes over linearly from the one before it, from that one's end to ramp_to, and
// then holds to its own end (or the run's).
//
// Why: tokenized Brier from scratch removes the spread of q before the examples are told apart and
// then can't move (docs/design.md);
// soft target, then log-loss of the expectation, then a ramp to tokenized Brier doesn't collapse.
#pragma once

#include <cstdint>
#include <vector>

#include "trainer/objectives/loss_table.h"

namespace candor::trainer {

struct ObjectiveStage {
  Loss loss = Loss::kTokenizedBrier;
  double until = 1.0;    // fraction of the run's steps at which the stage ends
  double ramp_to = 0.0;  // 0: starts at once; else the fraction at which it has fully taken over
  bool operator==(const ObjectiveStage&) const = default;
};

struct LossWeight {
  Loss loss;
  double weight;
};

// Weights of the losses at `step` of `max_steps`; they sum to one. Stages must have rising ends:
// throws std::invalid_argument else.
std::vector<LossWeight> objective_weights(const std::vector<ObjectiveStage>& stages, int64_t step,
                                          int64_t max_steps);

// Whether a loss among them reads the whole vocabulary's logits, not only the levels'.
bool has_soft_target(const std::vector<LossWeight>& losses);

}  // namespace candor::trainer
