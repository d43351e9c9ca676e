// Attention of packed rows over [shared prefix | own tokens so far], forward and backward, exact, on the CPU.
//
// Each query row names its keys as two runs of rows in a key/value buffer: a prefix (all of it) and its own sequence up to itself. So one
// kernel serves training (keys are the micro-batch's own rows) and generation (keys are a cache). GQA: head h reads key head h / (H / K).
// Shapes: buffers are row-major with a row stride in elements; heads lie side by side in a row. lse is [rows, H].
// The result of a row doesn't depend on the number of threads: forward splits by row, backward by key head.
#pragma once

#include <cstdint>
#include <vector>

namespace candor {

struct KeyRuns {
  int64_t query_row = 0;  // row of the query in the q, out, and gradient buffers
  int64_t prefix_begin = 0, prefix_length = 0;
  int64_t own_begin = 0, own_length = 0;
};

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
void packed_attention_forward(const AttentionBuffers<Real>& in, const std::vector<KeyRuns>& queries, Real* out, Real* lse);

// Adds to dq, dk, dv (same strides as q and k, v). `out` and `dout` are dense [rows, H * head_size].
template <typename Real>
void packed_attention_backward(const AttentionBuffers<Real>& in, const std::vector<KeyRuns>& queries, const Real* out, const Real* lse,
                               const Real* dout, Real* dq, Real* dk, Real* dv);

}  // namespace candor
