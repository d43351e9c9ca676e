#include "trainer/kernels/packed_attention.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "trainer/kernels/cpu_clones.h"

namespace candor {
namespace {

template <typename Real>
CANDOR_INLINE Real dot(const Real* a, const Real* b, int64_t n) {
  Real sum = 0;
  for (int64_t d = 0; d < n; ++d) sum += a[d] * b[d];
  return sum;
}

template <typename Real>
CANDOR_INLINE void add_scaled(Real* y, const Real* x, Real scale, int64_t n) {
  for (int64_t d = 0; d < n; ++d) y[d] += scale * x[d];
}

CANDOR_INLINE int64_t key_row(const KeyRuns& runs, int64_t j) {
  return j < runs.prefix_length ? runs.prefix_begin + j : runs.own_begin + j - runs.prefix_length;
}

template <typename Real>
CANDOR_INLINE void forward_body(const AttentionBuffers<Real>& in, const KeyRuns* queries, int64_t begin, int64_t end, Real* out, Real* lse,
                                Real* scores) {
  const int64_t size = in.head_size, group = in.heads / in.key_heads;
  const Real scale = Real(1) / std::sqrt(static_cast<Real>(size));
  for (int64_t i = begin; i < end; ++i) {
    const KeyRuns& runs = queries[i];
    const int64_t keys = runs.prefix_length + runs.own_length;
    for (int64_t h = 0; h < in.heads; ++h) {
      const Real* q = in.q + runs.query_row * in.q_stride + h * size;
      const Real* k = in.k + (h / group) * size;
      const Real* v = in.v + (h / group) * size;
      Real largest = -std::numeric_limits<Real>::max();
      for (int64_t j = 0; j < keys; ++j) {
        scores[j] = scale * dot(q, k + key_row(runs, j) * in.kv_stride, size);
        largest = std::max(largest, scores[j]);
      }
      Real sum = 0;
      for (int64_t j = 0; j < keys; ++j) {
        scores[j] = std::exp(scores[j] - largest);
        sum += scores[j];
      }
      Real* o = out + runs.query_row * in.heads * size + h * size;
      for (int64_t d = 0; d < size; ++d) o[d] = 0;
      const Real inverse = Real(1) / sum;
      for (int64_t j = 0; j < keys; ++j) add_scaled(o, v + key_row(runs, j) * in.kv_stride, scores[j] * inverse, size);
      lse[runs.query_row * in.heads + h] = largest + std::log(sum);
    }
  }
}

template <typename Real>
CANDOR_INLINE void backward_body(const AttentionBuffers<Real>& in, const KeyRuns* queries, int64_t count, int64_t key_head, const Real* out,
                                 const Real* lse, const Real* dout, Real* dq, Real* dk, Real* dv, Real* scores) {
  const int64_t size = in.head_size, group = in.heads / in.key_heads;
  const Real scale = Real(1) / std::sqrt(static_cast<Real>(size));
  for (int64_t i = 0; i < count; ++i) {
    const KeyRuns& runs = queries[i];
    const int64_t keys = runs.prefix_length + runs.own_length;
    for (int64_t h = key_head * group; h < (key_head + 1) * group; ++h) {
      const int64_t q_at = runs.query_row * in.q_stride + h * size;
      const int64_t o_at = runs.query_row * in.heads * size + h * size;
      const Real* q = in.q + q_at;
      const Real* d_o = dout + o_at;
      const Real delta = dot(d_o, out + o_at, size);
      const Real normalizer = lse[runs.query_row * in.heads + h];
      for (int64_t j = 0; j < keys; ++j) scores[j] = scale * dot(q, in.k + key_row(runs, j) * in.kv_stride + key_head * size, size) - normalizer;
      for (int64_t j = 0; j < keys; ++j) scores[j] = std::exp(scores[j]);
      for (int64_t j = 0; j < keys; ++j) {
        const int64_t at = key_row(runs, j) * in.kv_stride + key_head * size;
        const Real ds = scores[j] * (dot(d_o, in.v + at, size) - delta) * scale;
        add_scaled(dv + at, d_o, scores[j], size);
        add_scaled(dk + at, q, ds, size);
        add_scaled(dq + q_at, in.k + at, ds, size);
      }
    }
  }
}

#define CANDOR_ATTENTION(Real, suffix)                                                                                                        \
  CANDOR_CPU_CLONES void forward_##suffix(const AttentionBuffers<Real>& in, const KeyRuns* q, int64_t b, int64_t e, Real* o, Real* l, Real* s) { \
    forward_body<Real>(in, q, b, e, o, l, s);                                                                                                 \
  }                                                                                                                                           \
  CANDOR_CPU_CLONES void backward_##suffix(const AttentionBuffers<Real>& in, const KeyRuns* q, int64_t n, int64_t kh, const Real* o,           \
                                           const Real* l, const Real* d, Real* dq, Real* dk, Real* dv, Real* s) {                             \
    backward_body<Real>(in, q, n, kh, o, l, d, dq, dk, dv, s);                                                                                \
  }
CANDOR_ATTENTION(float, f32)
CANDOR_ATTENTION(double, f64)
#undef CANDOR_ATTENTION

int64_t most_keys(const std::vector<KeyRuns>& queries) {
  int64_t most = 0;
  for (const KeyRuns& runs : queries) most = std::max(most, runs.prefix_length + runs.own_length);
  return most;
}

}  // namespace

#define CANDOR_ATTENTION_ENTRY(Real, suffix)                                                                                                   \
  template <>                                                                                                                                  \
  void packed_attention_forward<Real>(const AttentionBuffers<Real>& in, const std::vector<KeyRuns>& queries, Real* out, Real* lse) {           \
    const auto keys = static_cast<size_t>(most_keys(queries));                                                                                 \
    at::parallel_for(0, static_cast<int64_t>(queries.size()), 8, [&](int64_t b, int64_t e) {                                                   \
      std::vector<Real> scores(keys);                                                                                                          \
      forward_##suffix(in, queries.data(), b, e, out, lse, scores.data());                                                                     \
    });                                                                                                                                        \
  }                                                                                                                                            \
  template <>                                                                                                                                  \
  void packed_attention_backward<Real>(const AttentionBuffers<Real>& in, const std::vector<KeyRuns>& queries, const Real* out, const Real* lse, \
                                       const Real* dout, Real* dq, Real* dk, Real* dv) {                                                       \
    const auto keys = static_cast<size_t>(most_keys(queries));                                                                                 \
    at::parallel_for(0, in.key_heads, 1, [&](int64_t b, int64_t e) {                                                                           \
      std::vector<Real> scores(keys);                                                                                                          \
      for (int64_t head = b; head < e; ++head) {                                                                                               \
        backward_##suffix(in, queries.data(), static_cast<int64_t>(queries.size()), head, out, lse, dout, dq, dk, dv, scores.data());          \
      }                                                                                                                                        \
    });                                                                                                                                        \
  }
CANDOR_ATTENTION_ENTRY(float, f32)
CANDOR_ATTENTION_ENTRY(double, f64)
#undef CANDOR_ATTENTION_ENTRY

}  // namespace candor
