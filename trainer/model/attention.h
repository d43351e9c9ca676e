// Which packed rows attend to which, made once per micro-batch or decoding step, and the attention
// over them on any device.
//
// Usage:   PackedAttention attention(config, queries, key_rows, device);
//          attention.forward(tensors);   attention.backward(tensors, gradients);
// Tensors are views with unit column stride, in one dtype on `device`: q and dq [rows, H *
// head_size], k, v, dk, dv [key rows, K * head_size] (k and v of one row stride), out and dout
// [rows, H * head_size] dense, lse [rows, H]. Only the queries' rows of out and lse are written;
// backward adds. No two queries may have the same row. Key rows that nobody may see must hold
// finite numbers.
// With flash_attention's kernels whole micro-batches are computed by them, in bf16 as the model's
// products; what they aren't for, and everything without them, by all scores in the tensors' dtype.
#pragma once

#include <ATen/core/Tensor.h>

#include <optional>
#include <vector>

#include "trainer/kernels/attention_plan.h"
#include "trainer/model/aten_kernels.h"
#include "trainer/model/attention_tensors.h"
#include "trainer/model/model_config.h"
#include "trainer/model/varlen_attention.h"

namespace candor::trainer {

class PackedAttention {
 public:
  // flash, if not null, must outlive this.
  PackedAttention(const ModelConfig& config, std::vector<KeyRuns> queries, int64_t key_rows,
                  at::Device device, const VarlenAttention* flash = nullptr);

  void forward(const AttentionTensors& tensors) const;
  void backward(const AttentionTensors& tensors, const AttentionGradients& gradients) const;

 private:
  AttentionHeads shape_;
  AttentionPlan plan_;  // The CPU's version uses it,
  AttentionMask mask_;  // and the ATen version this.
  const VarlenAttention* flash_;
  std::optional<SharedPrefixAttention> passes_;  // They are computed by flash_.
};

}  // namespace candor::trainer
