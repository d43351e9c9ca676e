#include "trainer/kernels/bf16_gemm.h"

// MKL's, in libtorch builds with MKL (x86-64). Weak: elsewhere the symbol isn't there.
extern "C" __attribute__((weak)) void cblas_gemm_bf16bf16f32(int layout, int transa, int transb,
                                                             int m, int n, int k, float alpha,
                                                             const c10::BFloat16* a, int lda,
                                                             const c10::BFloat16* b, int ldb,
                                                             float beta, float* c, int ldc);

namespace candor::trainer {
namespace {

constexpr int kRowMajor = 101, kAsIs = 111, kTransposed = 112;  // of cblas.h

}  // namespace

bool has_bf16_gemm() { return cblas_gemm_bf16bf16f32 != nullptr; }

void bf16_gemm(int64_t m, int64_t n, int64_t k, const c10::BFloat16* a, const c10::BFloat16* b,
               int64_t b_stride, bool b_transposed, float* c) {
  cblas_gemm_bf16bf16f32(kRowMajor, kAsIs, b_transposed ? kTransposed : kAsIs, static_cast<int>(m),
                         static_cast<int>(n), static_cast<int>(k), 1.0F, a, static_cast<int>(k), b,
                         static_cast<int>(b_stride), 0.0F, c, static_cast<int>(n));
}

}  // namespace candor::trainer
