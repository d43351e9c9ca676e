// Attention of packed rows over [shared prefix | own tokens so far], forward and backward, exact,
// on the CPU.
//
// GQA: head h reads key head h / (H / K), and the heads of one key head are rows of one product.
// Shapes: buffers are row-major with a row stride in elements; heads lie side by side in a row. lse
// is [rows, H]; out and dout are dense [rows, H * head_size]. The caller owns all buffers.
//
// Forward, for one query and head: scores s_j = q k_j / sqrt(head_size), lse = log sum_j exp(s_j),
// probabilities p_j = exp(s_j - lse), out = sum_j p_j v_j. Only out and lse are kept.
// Backward makes the probabilities again from q, k and lse, which costs one product and saves the
// memory of all scores. Then
//   dv_j += p_j dout,   dp_j = dout v_j,   ds_j = p_j (dp_j - delta),
//   dq += sum_j ds_j k_j / sqrt(head_size),   dk_j += ds_j q / sqrt(head_size).
// delta = sum_j p_j dp_j is what a softmax's outputs share by adding up to one. It equals dout out,
// which needs no score at all (Dao et al. 2022, FlashAttention, appendix B).
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
  Real* out = nullptr;  // Forward writes the queries' rows of out and lse, and backward reads them.
  Real* lse = nullptr;
};

// dq, dk and dv have the strides of q, and of k and v.
template <typename Real>
struct AttentionGradientBuffers {
  const Real* dout = nullptr;
  Real* dq = nullptr;
  Real* dk = nullptr;
  Real* dv = nullptr;
};

template <typename Real>
void packed_attention_forward(const AttentionBuffers<Real>& in, const AttentionPlan& plan);

// Adds to dq, dk and dv.
template <typename Real>
void packed_attention_backward(const AttentionBuffers<Real>& in, const AttentionPlan& plan,
                               const AttentionGradientBuffers<Real>& gradients);

}  // namespace candor::trainer
