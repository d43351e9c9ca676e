#include "trainer/kernels/row_kernels.h"

#include <ATen/Parallel.h>

#include <cmath>

#include "data_pipeline/tokens/splitmix64.h"
#include "trainer/kernels/cpu_clones.h"

namespace candor::trainer {
namespace {

// The rows of one task: [begin, end), each of `width` elements.
struct RowRange {
  int64_t begin, end, width;
};

// An element is dropped where its 53 random bits are below the threshold.
template <typename Real>
struct DropoutRule {
  uint64_t key, threshold;
  Real scale;
};

template <typename Real>
CANDOR_INLINE void norm_forward_body(const Real* x, const Real* w, Real epsilon, RowRange range,
                                     Real* y, Real* rstd) {
  const auto [begin, end, width] = range;
  for (int64_t t = begin; t < end; ++t) {
    const Real* row = x + t * width;
    Real sum = 0;
    for (int64_t d = 0; d < width; ++d) sum += row[d] * row[d];
    const Real r = Real(1) / std::sqrt(sum / static_cast<Real>(width) + epsilon);
    rstd[t] = r;
    for (int64_t d = 0; d < width; ++d) y[t * width + d] = w[d] * (row[d] * r);
  }
}

template <typename Real>
CANDOR_INLINE void norm_backward_body(const Real* dy, const Real* x, const Real* w,
                                      const Real* rstd, RowRange range, Real* dx) {
  const auto [begin, end, width] = range;
  for (int64_t t = begin; t < end; ++t) {
    const Real* dy_row = dy + t * width;
    const Real* row = x + t * width;
    Real* dx_row = dx + t * width;
    Real dot = 0;
    for (int64_t d = 0; d < width; ++d) dot += dy_row[d] * w[d] * row[d];
    const Real r = rstd[t];
    const Real c = dot * r * r * r / static_cast<Real>(width);
    for (int64_t d = 0; d < width; ++d) dx_row[d] += r * w[d] * dy_row[d] - c * row[d];
  }
}

template <typename Real>
CANDOR_INLINE void rope_body(const HeadRows<Real>& of, const Real* cos_TJ, const Real* sin_TJ,
                             int64_t begin, int64_t end, Real direction) {
  Real* const x = of.x;
  const int64_t stride = of.row_stride, heads = of.heads, head_size = of.head_size,
                half = head_size / 2;
  for (int64_t t = begin; t < end; ++t) {
    const Real* c = cos_TJ + t * half;
    const Real* s = sin_TJ + t * half;
    for (int64_t h = 0; h < heads; ++h) {
      Real* first = x + t * stride + h * head_size;
      Real* second = first + half;
      for (int64_t j = 0; j < half; ++j) {
        const Real a = first[j], b = second[j], sine = direction * s[j];
        first[j] = a * c[j] - b * sine;
        second[j] = b * c[j] + a * sine;
      }
    }
  }
}

template <typename Real>
CANDOR_INLINE void swiglu_forward_body(const Real* gu, RowRange range, Real* y) {
  const auto [begin, end, width] = range;
  for (int64_t t = begin; t < end; ++t) {
    const Real* g = gu + t * 2 * width;
    const Real* u = g + width;
    for (int64_t f = 0; f < width; ++f)
      y[t * width + f] = g[f] / (Real(1) + std::exp(-g[f])) * u[f];
  }
}

template <typename Real>
CANDOR_INLINE void swiglu_backward_body(const Real* dy, const Real* gu, RowRange range, Real* dgu) {
  const auto [begin, end, width] = range;
  for (int64_t t = begin; t < end; ++t) {
    const Real* g = gu + t * 2 * width;
    const Real* u = g + width;
    for (int64_t f = 0; f < width; ++f) {
      const Real sigmoid = Real(1) / (Real(1) + std::exp(-g[f]));
      const Real d = dy[t * width + f];
      dgu[t * 2 * width + f] = d * u[f] * sigmoid * (Real(1) + g[f] * (Real(1) - sigmoid));
      dgu[t * 2 * width + width + f] = d * g[f] * sigmoid;
    }
  }
}

template <typename Real>
CANDOR_INLINE void dropout_body(const Real* x, DropoutRule<Real> rule, int64_t begin, int64_t end,
                                Real* y) {
  const auto [key, threshold, scale] = rule;
  for (int64_t i = begin; i < end; ++i) {
    const uint64_t state = key + static_cast<uint64_t>(i) * data::kSplitMix64Gamma;
    const uint64_t bits = data::splitmix64_finalize(state) >> 11;
    y[i] = bits < threshold ? Real(0) : x[i] * scale;
  }
}

// One exported clone set per type: target_clones needs plain functions.
#define CANDOR_ROW_KERNELS(Real, suffix)                                                          \
  CANDOR_CPU_CLONES void norm_forward_##suffix(const Real* x, const Real* w, Real epsilon,        \
                                               RowRange range, Real* y, Real* rstd) {             \
    norm_forward_body<Real>(x, w, epsilon, range, y, rstd);                                       \
  }                                                                                               \
  CANDOR_CPU_CLONES void norm_backward_##suffix(const Real* dy, const Real* x, const Real* w,     \
                                                const Real* rstd, RowRange range, Real* dx) {     \
    norm_backward_body<Real>(dy, x, w, rstd, range, dx);                                          \
  }                                                                                               \
  CANDOR_CPU_CLONES void rope_##suffix(const HeadRows<Real>& heads, const Real* c, const Real* s, \
                                       int64_t begin, int64_t end, Real direction) {              \
    rope_body<Real>(heads, c, s, begin, end, direction);                                          \
  }                                                                                               \
  CANDOR_CPU_CLONES void swiglu_forward_##suffix(const Real* gu, RowRange range, Real* y) {       \
    swiglu_forward_body<Real>(gu, range, y);                                                      \
  }                                                                                               \
  CANDOR_CPU_CLONES void swiglu_backward_##suffix(const Real* dy, const Real* gu, RowRange range, \
                                                  Real* dgu) {                                    \
    swiglu_backward_body<Real>(dy, gu, range, dgu);                                               \
  }                                                                                               \
  CANDOR_CPU_CLONES void dropout_##suffix(const Real* x, DropoutRule<Real> rule, int64_t begin,   \
                                          int64_t end, Real* y) {                                 \
    dropout_body<Real>(x, rule, begin, end, y);                                                   \
  }
CANDOR_ROW_KERNELS(float, f32)
CANDOR_ROW_KERNELS(double, f64)
#undef CANDOR_ROW_KERNELS

constexpr int64_t kRowsPerTask = 16;

}  // namespace

#define CANDOR_ROW_ENTRY(Real, suffix)                                                            \
  template <>                                                                                     \
  void rms_norm_forward<Real>(const Real* x, const Real* w, double epsilon, RowShape shape,       \
                              Real* y, Real* rstd) {                                              \
    at::parallel_for(0, shape.rows, kRowsPerTask, [&](int64_t b, int64_t e) {                     \
      norm_forward_##suffix(x, w, static_cast<Real>(epsilon), {b, e, shape.width}, y, rstd);      \
    });                                                                                           \
  }                                                                                               \
  template <>                                                                                     \
  void rms_norm_backward<Real>(const Real* dy, const Real* x, const Real* w, const Real* rstd,    \
                               RowShape shape, Real* dx) {                                        \
    at::parallel_for(0, shape.rows, kRowsPerTask, [&](int64_t b, int64_t e) {                     \
      norm_backward_##suffix(dy, x, w, rstd, {b, e, shape.width}, dx);                            \
    });                                                                                           \
  }                                                                                               \
  template <>                                                                                     \
  void rope_rows<Real>(const HeadRows<Real>& heads, const Real* c, const Real* s,                 \
                       Real direction) {                                                          \
    at::parallel_for(0, heads.rows, kRowsPerTask,                                                 \
                     [&](int64_t b, int64_t e) { rope_##suffix(heads, c, s, b, e, direction); }); \
  }                                                                                               \
  template <>                                                                                     \
  void swiglu_forward<Real>(const Real* gu, RowShape shape, Real* y) {                            \
    at::parallel_for(0, shape.rows, kRowsPerTask, [&](int64_t b, int64_t e) {                     \
      swiglu_forward_##suffix(gu, {b, e, shape.width}, y);                                        \
    });                                                                                           \
  }                                                                                               \
  template <>                                                                                     \
  void swiglu_backward<Real>(const Real* dy, const Real* gu, RowShape shape, Real* dgu) {         \
    at::parallel_for(0, shape.rows, kRowsPerTask, [&](int64_t b, int64_t e) {                     \
      swiglu_backward_##suffix(dy, gu, {b, e, shape.width}, dgu);                                 \
    });                                                                                           \
  }                                                                                               \
  template <>                                                                                     \
  void dropout_rows<Real>(const Real* x, uint64_t key, double p, RowShape shape, Real* y) {       \
    const auto threshold = static_cast<uint64_t>(p * 9007199254740992.0); /* p of 2^53 */         \
    const DropoutRule<Real> rule{key, threshold, static_cast<Real>(1.0 / (1.0 - p))};             \
    at::parallel_for(0, shape.rows* shape.width, 4096,                                            \
                     [&](int64_t b, int64_t e) { dropout_##suffix(x, rule, b, e, y); });          \
  }
CANDOR_ROW_ENTRY(float, f32)
CANDOR_ROW_ENTRY(double, f64)
#undef CANDOR_ROW_ENTRY

}  // namespace candor::trainer
