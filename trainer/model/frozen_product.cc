#include "trainer/model/frozen_product.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <chrono>

#include "trainer/kernels/bf16_gemm.h"

namespace candor::trainer {
namespace {

at::Tensor product_in_bf16(const at::Tensor& x, const at::Tensor& w) {
  const at::Tensor rounded = x.to(at::kBFloat16).contiguous();
  if (!has_bf16_gemm()) return at::mm(rounded, w).to(x.scalar_type());
  at::Tensor out = at::empty({x.size(0), w.size(1)}, x.options());
  if (out.numel() == 0) return out;
  const bool transposed = w.stride(1) != 1;
  bf16_gemm({x.size(0), w.size(1), x.size(1)}, {rounded.const_data_ptr<at::BFloat16>(), x.size(1)},
            {w.const_data_ptr<at::BFloat16>(), transposed ? w.stride(1) : w.stride(0),
             transposed ? Operand::kTransposed : Operand::kAsIs},
            out.mutable_data_ptr<float>());
  return out;
}

double best_seconds(const at::Tensor& x, const at::Tensor& w, Products products) {
  double best = 1e9;
  for (int repeat = 0; repeat < 5; ++repeat) {
    const auto start = std::chrono::steady_clock::now();
    frozen_product(x, w, products);
    best = std::min(
        best, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  return best;
}

}  // namespace

at::Tensor frozen_product(const at::Tensor& x, const at::Tensor& w, Products products) {
  if (w.scalar_type() == x.scalar_type()) return at::mm(x, w);
  if (x.is_cuda() && x.scalar_type() == at::kFloat && w.scalar_type() == at::kBFloat16)
    return at::mm(x.to(at::kBFloat16), w, at::kFloat);
  if (!x.is_cpu()) return at::mm(x.to(w.scalar_type()), w).to(x.scalar_type());
  if (products == Products::kBf16) return product_in_bf16(x, w);
  return at::mm(x, w.to(x.scalar_type()));
}

double bf16_product_speedup() {
  const at::Tensor x = at::ones({512, 768}), w = at::ones({2048, 768});
  const at::Tensor w_bf16 = w.to(at::kBFloat16);
  return best_seconds(x, w.t(), Products::kAsActivations) /
         best_seconds(x, w_bf16.t(), Products::kBf16);
}

}  // namespace candor::trainer
