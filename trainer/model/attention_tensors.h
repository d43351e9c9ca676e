// The tensors of one attention call, which every version of attention takes: the CPU's kernels
// (attention.h), plain ATen operators (aten_kernels.h) and the kernels of a GPU
// (varlen_attention.h).
//
// Usage:   const AttentionTensors tensors{.q = q, .k = k, .v = v, .out = out, .lse = lse};
//          attention.forward(tensors);   attention.backward(tensors, {dout, dq, dk, dv});
// All are views that share the caller's memory: forward writes into out and lse, backward reads
// them and adds to dq, dk and dv. Each version says which shapes it takes.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace candor::trainer {

struct AttentionTensors {
  at::Tensor q, k, v;
  at::Tensor out;
  at::Tensor lse;  // This is the log-sum-exp of each query's and head's scores
};

struct AttentionGradients {
  at::Tensor dout;
  at::Tensor dq, dk, dv;
};

// Head h reads key head h / (heads / key_heads).
struct AttentionHeads {
  int64_t heads = 0, key_heads = 0, head_size = 0;
};

}  // namespace candor::trainer
