// Attention of packed rows over [shared prefix | own tokens so far], forward and backward, exact,
// on the CPU.
//
// GQA: head h reads key head h / (H / K), and the heads of one key head are rows of one product.
// Shapes: buffers are row-major with a row stride in elements; heads lie side by side in a row. lse
// is [rows, H].
// The same bits every time on one number of threads: the tasks, and the order in which their
// gradients are added, are fixed by plan and model.
#pragma once

#include <cstdint>

#include "trainer/kernels/attention_plan.h"

namespace candor::trainer {

template <typename Real>
struct AttentionBuffers {
  const Real* q = nullptr;
  const Real* k = nullptr;
  const Real* v = nullptr;
  int64_t q_stride = 0, kv_stride = 0;
  int64_t heads = 0, key_heads = 0, head_size = 0;
};

// out: [rows, H * head_size], dense; lse: [rows, H].
template <typename Real>
void packed_attention_forward(const AttentionBuffers<Real>& in, const AttentionPlan& plan,
                              Real* out, Real* lse);

// Adds to dq, dk, dv (same strides as q and k, v). `out` and `dout` are dense [rows, H *
// head_size].
template <typename Real>
void packed_attention_backward(const AttentionBuffers<Real>& in, const AttentionPlan& plan,
                               const Real* out, const Real* lse, const Real* dout, Real* dq,
                               Real* dk, Real* dv);

}  // namespace candor::trainer
