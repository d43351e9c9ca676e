#include "trainer/kernels/row_kernels.h"

#include <ATen/Parallel.h>

#include <cmath>

#include "trainer/kernels/cpu_clones.h"

namespace candor::trainer {
namespace {

template <typename Real>
CANDOR_INLINE void norm_forward_body(const Real* x, const Real* w, Real epsilon, int64_t begin,
                                     int64_t end, int64_t width, Real* y, Real* rstd) {
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
                                      const Real* rstd, int64_t begin, int64_t end, int64_t width,
                                      Real* dx) {
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
CANDOR_INLINE void rope_body(Real* x, int64_t stride, const Real* cos_TJ, const Real* sin_TJ,
                             int64_t begin, int64_t end, int64_t heads, int64_t head_size,
                             Real direction) {
  const int64_t half = head_size / 2;
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
CANDOR_INLINE void swiglu_forward_body(const Real* gu, int64_t begin, int64_t end, int64_t width,
                                       Real* y) {
  for (int64_t t = begin; t < end; ++t) {
    const Real* g = gu + t * 2 * width;
    const Real* u = g + width;
    for (int64_t f = 0; f < width; ++f)
      y[t * width + f] = g[f] / (Real(1) + std::exp(-g[f])) * u[f];
  }
}

template <typename Real>
CANDOR_INLINE void swiglu_backward_body(const Real* dy, const Real* gu, int64_t begin, int64_t end,
                                        int64_t width, Real* dgu) {
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

// SplitMix64's finaliser: a bijection with good avalanche, here over (key + element).
CANDOR_INLINE uint64_t mix(uint64_t z) {
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  return z ^ (z >> 31);
}

template <typename Real>
CANDOR_INLINE void dropout_body(const Real* x, uint64_t key, uint64_t threshold, Real scale,
                                int64_t begin, int64_t end, Real* y) {
  for (int64_t i = begin; i < end; ++i) {
    const uint64_t bits = mix(key + static_cast<uint64_t>(i) * 0x9e3779b97f4a7c15ULL) >> 11;
    y[i] = bits < threshold ? Real(0) : x[i] * scale;
  }
}

// One exported clone set per type: target_clones needs plain functions.
#define CANDOR_ROW_KERNELS(Real, suffix)                                                          \
  CANDOR_CPU_CLONES void norm_forward_##suffix(const Real* x, const Real* w, Real e, int64_t b,   \
                                               int64_t n, int64_t d, Real* y, Real* r) {          \
    norm_forward_body<Real>(x, w, e, b, n, d, y, r);                                              \
  }                                                                                               \
  CANDOR_CPU_CLONES void norm_backward_##suffix(const Real* dy, const Real* x, const Real* w,     \
                                                const Real* r, int64_t b, int64_t n, int64_t d,   \
                                                Real* dx) {                                       \
    norm_backward_body<Real>(dy, x, w, r, b, n, d, dx);                                           \
  }                                                                                               \
  CANDOR_CPU_CLONES void rope_##suffix(Real* x, int64_t st, const Real* c, const Real* s,         \
                                       int64_t b, int64_t n, int64_t h, int64_t hd, Real dir) {   \
    rope_body<Real>(x, st, c, s, b, n, h, hd, dir);                                               \
  }                                                                                               \
  CANDOR_CPU_CLONES void swiglu_forward_##suffix(const Real* gu, int64_t b, int64_t n, int64_t w, \
                                                 Real* y) {                                       \
    swiglu_forward_body<Real>(gu, b, n, w, y);                                                    \
  }                                                                                               \
  CANDOR_CPU_CLONES void swiglu_backward_##suffix(const Real* dy, const Real* gu, int64_t b,      \
                                                  int64_t n, int64_t w, Real* dgu) {              \
    swiglu_backward_body<Real>(dy, gu, b, n, w, dgu);                                             \
  }                                                                                               \
  CANDOR_CPU_CLONES void dropout_##suffix(const Real* x, uint64_t k, uint64_t th, Real sc,        \
                                          int64_t b, int64_t n, Real* y) {                        \
    dropout_body<Real>(x, k, th, sc, b, n, y);                                                    \
  }
CANDOR_ROW_KERNELS(float, f32)
CANDOR_ROW_KERNELS(double, f64)
#undef CANDOR_ROW_KERNELS

constexpr int64_t kRowsPerTask = 16;

}  // namespace

#define CANDOR_ROW_ENTRY(Real, suffix)                                                            \
  template <>                                                                                     \
  void rms_norm_forward<Real>(const Real* x, const Real* w, double epsilon, int64_t rows,         \
                              int64_t width, Real* y, Real* rstd) {                               \
    at::parallel_for(0, rows, kRowsPerTask, [&](int64_t b, int64_t e) {                           \
      norm_forward_##suffix(x, w, static_cast<Real>(epsilon), b, e, width, y, rstd);              \
    });                                                                                           \
  }                                                                                               \
  template <>                                                                                     \
  void rms_norm_backward<Real>(const Real* dy, const Real* x, const Real* w, const Real* rstd,    \
                               int64_t rows, int64_t width, Real* dx) {                           \
    at::parallel_for(0, rows, kRowsPerTask, [&](int64_t b, int64_t e) {                           \
      norm_backward_##suffix(dy, x, w, rstd, b, e, width, dx);                                    \
    });                                                                                           \
  }                                                                                               \
  template <>                                                                                     \
  void rope_rows<Real>(Real * x, int64_t stride, const Real* c, const Real* s, int64_t rows,      \
                       int64_t heads, int64_t head_size, Real dir) {                              \
    at::parallel_for(0, rows, kRowsPerTask, [&](int64_t b, int64_t e) {                           \
      rope_##suffix(x, stride, c, s, b, e, heads, head_size, dir);                                \
    });                                                                                           \
  }                                                                                               \
  template <>                                                                                     \
  void swiglu_forward<Real>(const Real* gu, int64_t rows, int64_t width, Real* y) {               \
    at::parallel_for(0, rows, kRowsPerTask,                                                       \
                     [&](int64_t b, int64_t e) { swiglu_forward_##suffix(gu, b, e, width, y); }); \
  }                                                                                               \
  template <>                                                                                     \
  void swiglu_backward<Real>(const Real* dy, const Real* gu, int64_t rows, int64_t width,         \
                             Real* dgu) {                                                         \
    at::parallel_for(0, rows, kRowsPerTask, [&](int64_t b, int64_t e) {                           \
      swiglu_backward_##suffix(dy, gu, b, e, width, dgu);                                         \
    });                                                                                           \
  }                                                                                               \
  template <>                                                                                     \
  void dropout_rows<Real>(const Real* x, uint64_t key, double p, int64_t rows, int64_t width,     \
                          Real* y) {                                                              \
    const auto threshold = static_cast<uint64_t>(p * 9007199254740992.0); /* p of 2^53 */         \
    const Real scale = static_cast<Real>(1.0 / (1.0 - p));                                        \
    at::parallel_for(0, rows* width, 4096, [&](int64_t b, int64_t e) {                            \
      dropout_##suffix(x, key, threshold, scale, b, e, y);                                        \
    });                                                                                           \
  }
CANDOR_ROW_ENTRY(float, f32)
CANDOR_ROW_ENTRY(double, f64)
#undef CANDOR_ROW_ENTRY

}  // namespace candor::trainer
