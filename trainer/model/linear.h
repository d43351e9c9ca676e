// One frozen linear map with an optional LoRA part, forward and backward; a piece of the decoder
// layer.
// `column` and the module's width say where the module's output lies in a fused result (q, k, v
// side by side; gate and up).
#pragma once

#include "trainer/model/llama.h"

namespace candor::trainer {

struct LoraCall {
  const LoraAdapter* adapter = nullptr;
  int64_t layer = 0;
  double dropout = 0;  // 0 when not training
  uint64_t dropout_key = 0;
};

// y[:, column : column + out] += scale * B A dropout(x). Keeps A dropout(x) in z.
void add_lora(const LoraCall& call, LinearModule module, const at::Tensor& x, int64_t column,
              at::Tensor& y, at::Tensor& z);

// Adds the gradients of A and B to gradient_flat, and of x to dx.
void add_lora_backward(const LoraCall& call, LinearModule module, const at::Tensor& x,
                       const at::Tensor& z, int64_t column, const at::Tensor& dy, at::Tensor& dx,
                       at::Tensor& gradient_flat);

}  // namespace candor::trainer
