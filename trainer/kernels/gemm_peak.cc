#include "trainer/kernels/gemm_peak.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <chrono>

namespace candor {

double measured_gemm_peak(at::ScalarType dtype) {
  double best = 0;
  for (const int64_t size : {512, 1024}) {
    const at::Tensor a = at::ones({size, size}, at::TensorOptions().dtype(dtype)), b = a.clone();
    at::Tensor c = at::mm(a, b);
    for (int repeat = 0; repeat < 3; ++repeat) {
      const auto start = std::chrono::steady_clock::now();
      at::mm_out(c, a, b);
      const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
      best = std::max(best, 2.0 * static_cast<double>(size * size * size) / seconds);
    }
  }
  return best;
}

}  // namespace candor
