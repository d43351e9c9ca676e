#include "trainer/kernels/gemm_peak.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <chrono>
#include <vector>

namespace candor::trainer {
namespace {

void wait_for(const at::Tensor& result) {
  if (!result.is_cpu()) result[0][0].cpu();
}

}  // namespace

double measured_gemm_peak(at::ScalarType dtype, at::Device device) {
  double best = 0;
  // A GPU is busy only with large products, and slower on random numbers than on ones.
  for (const int64_t size :
       device.is_cpu() ? std::vector<int64_t>{512, 1024} : std::vector<int64_t>{4096, 8192}) {
    const auto options = at::TensorOptions().dtype(dtype).device(device);
    const at::Tensor a = device.is_cpu() ? at::ones({size, size}, options)
                                         : at::randn({size, size}, options),
                     b = a.clone();
    at::Tensor c = at::mm(a, b);
    const int products = device.is_cpu() ? 1 : 10;  // one is over before a host clock can tell
    for (int repeat = 0; repeat < 3; ++repeat) {
      wait_for(c);
      const auto start = std::chrono::steady_clock::now();
      for (int product = 0; product < products; ++product) at::mm_out(c, a, b);
      wait_for(c);
      const double seconds =
          std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
      best = std::max(best, 2.0 * static_cast<double>(size * size * size) * products / seconds);
    }
  }
  return best;
}

}  // namespace candor::trainer
