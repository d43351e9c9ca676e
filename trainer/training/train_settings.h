// What a config says of a training beside the adapter and the objective: no tensors, so that
// configs are read without libtorch.
#pragma once

#include <cstdint>

#include "trainer/choices/choice_table.h"
#include "trainer/training/adamw_options.h"
#include "trainer/training/learning_rate.h"
#include "trainer/training/step_plan.h"

namespace candor::trainer {

// What becomes of a step whose loss or gradient isn't finite.
enum class OnNonFinite { kStop, kSkip };
template <>
inline constexpr auto kChoices<OnNonFinite> =
    std::array{Choice{OnNonFinite::kStop, "stop"}, Choice{OnNonFinite::kSkip, "skip"}};

// kPlain is an all-reduce in the adapter's dtype, whose last bits depend on the number of ranks.
enum class SumKind { kReproducible, kPlain };
template <>
inline constexpr auto kChoices<SumKind> =
    std::array{Choice{SumKind::kReproducible, "reproducible"}, Choice{SumKind::kPlain, "plain"}};

// What becomes of the gradient of a step.
struct UpdateOptions {
  LearningRateOptions learning_rate{};
  AdamWOptions adamw{};
  double clip_norm = 1;  // 0: no limit
  OnNonFinite on_non_finite = OnNonFinite::kStop;
  bool operator==(const UpdateOptions&) const = default;
};

struct ValidationOptions {
  int64_t every = 50;    // steps
  int64_t examples = 0;  // 0: all
  bool operator==(const ValidationOptions&) const = default;
};

struct CheckpointOptions {
  int64_t every = 50;  // steps
  int64_t keep = 3;    // newest ones, beside the best
  bool operator==(const CheckpointOptions&) const = default;
};

// How a step's gradient is computed; the mathematics is the same.
struct ComputingOptions {
  bool share_prefix = true;
  // Whether the layers below the lowest adapted one are computed once (frozen_trunk.h).
  bool frozen_trunk = true;
  SumKind gradient_sum = SumKind::kReproducible;
  // Steps between comparisons of all ranks' weights, the first of which comes before the first
  // step; 0: never.
  int64_t verify_every = 100;
  bool operator==(const ComputingOptions&) const = default;
};

struct TrainSettings {
  BatchOptions batches{};
  int64_t drop_never_right = 0;  // train_examples.h; 0: train on all
  UpdateOptions update{};
  ValidationOptions validation{};
  CheckpointOptions checkpoints{};
  ComputingOptions computing{};
  bool operator==(const TrainSettings&) const = default;
};

}  // namespace candor::trainer
