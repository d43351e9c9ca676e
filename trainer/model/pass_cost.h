// Floating-point operations of a pass over one micro-batch, counted from shapes: what the planner
// prints, and what a measured time is held against.
//
// A multiply-add is two operations. Products only: norms, RoPE, SwiGLU and softmax are a few
// percent beside them.
#pragma once

#include <cstdint>
#include <span>

#include "data_pipeline/tokens/token_data.h"
#include "trainer/model/lora.h"
#include "trainer/model/model_config.h"

namespace candor::trainer {

struct PassShape {
  int64_t rows = 0;       // The packed rows.
  int64_t head_rows = 0;  // The rows that somebody reads.
  // They count pairs of query and key of one head, in a layer and in the last layer, where only
  // head rows are queries.
  double scores = 0, last_scores = 0;
};

// The shape of the micro-batch that make_micro_batch would make of these examples, from their
// lengths alone. Head rows are the confidence rows only; with the LM term there are more. With
// from_marker it counts only the rows that an aLoRA adapter computes, from the marker to the
// confidence row.
PassShape pass_shape(const data::TokenData& data, std::span<const int64_t> examples,
                     bool share_prefix, bool from_marker = false);

struct PassCost {
  double linear = 0, lora = 0, attention = 0;
  // The head rows over `levels` tokens; the soft target and the LM term read the whole vocabulary
  // instead.
  double head = 0;
  double total() const { return linear + lora + attention + head; }
  PassCost& operator+=(const PassCost& other);
};

// What a training pass computes: forward from `first_layer`, backward down to the lowest adapted
// one.
PassCost training_cost(const ModelConfig& config, const LoraOptions& lora, const PassShape& shape,
                       int64_t first_layer, int64_t levels);

// Numbers kept for backward of one row in one layer.
int64_t kept_elements_per_row(const ModelConfig& config);

// Forward only, without the adapter.
PassCost forward_cost(const ModelConfig& config, const PassShape& shape, int64_t levels);

}  // namespace candor::trainer
