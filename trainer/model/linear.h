// One frozen linear map with an optional LoRA part, forward and backward; a piece of the decoder
// layer. This is the LoRA part: y += scale * B A dropout(x), and nothing where the module isn't
// adapted.
//
// Backward: with z = A dropout(x) kept from forward and dz = scale * B^T dy,
//   dB += scale * dy^T z,   dA += dz^T dropout(x),   dx += dropout(A^T dz).
// The frozen map's own part, dx += W^T dy, is the caller's: it is fused over modules. dropout(x) is
// made again from its key, and is its own transpose.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "trainer/model/linear_module.h"
#include "trainer/model/lora.h"

namespace candor::trainer {

struct LoraCall {
  const LoraAdapter* adapter = nullptr;
  int64_t layer = 0;
  double dropout = 0;  // It is 0 when not training.
  uint64_t dropout_key = 0;
};

// A module, and the column at which its output begins in a fused result (q, k, v side by side; gate
// and up).
struct FusedPart {
  LinearModule module;
  int64_t column = 0;
};

// y[:, column : column + out] += scale * B A dropout(x). Keeps A dropout(x) in z.
void add_lora(const LoraCall& call, FusedPart part, const at::Tensor& x, at::Tensor& y,
              at::Tensor& z);

// What backward needs of add_lora.
struct LoraInputs {
  at::Tensor x, z;
};

// Adds the gradients of A and B to gradient_flat, and of x to dx. dy is that of the fused result.
void add_lora_backward(const LoraCall& call, FusedPart part, const LoraInputs& inputs,
                       const at::Tensor& dy, at::Tensor& dx, at::Tensor& gradient_flat);

}  // namespace candor::trainer
