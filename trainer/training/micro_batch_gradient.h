// Loss and adapter gradient of one micro-batch: forward, the step's mix of losses at the confidence
// rows, the optional LM term, backward.
//
// Nothing is divided by the number of examples here: the caller divides the sum over all
// micro-batches of the step by the *global* count. The LM
// term is a mean over the global batch's response tokens, so its weight arrives already multiplied
// by (global examples / global response tokens).
#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

#include "trainer/base_cache/frozen_trunk.h"
#include "trainer/model/llama.h"
#include "trainer/objectives/schedule.h"

namespace candor::trainer {

struct GradientOptions {
  std::vector<LossWeight> losses;  // of this step
  double lm_weight_per_token = 0;  // 0: no LM term
  uint64_t dropout_key = 0;
  std::vector<uint32_t> level_ids;  // [K]
  std::vector<double> weight_B{};   // what each example's losses count, the LM term aside; empty: 1
  const FrozenTrunk* trunk = nullptr;  // null: all layers are computed
};

// Adds to gradient_flat (layout of the adapter) and returns the sum of the examples' losses.
double add_micro_batch_gradient(const LlamaModel& model, const LoraAdapter& adapter,
                                const data::MicroBatch& batch, const GradientOptions& options,
                                at::Tensor& gradient_flat);

}  // namespace candor::trainer
