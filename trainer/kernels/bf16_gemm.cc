#include "trainer/kernels/bf16_gemm.h"

// MKL's, in libtorch builds with MKL (x86-64). Weak: elsewhere the symbol isn't there.
extern "C" __attribute__((weak)) void cblas_gemm_bf16bf16f32(int layout, int transa, int transb,
                                                             int m, int n, int k, float alpha,
                                                             const c10::BFloat16* a, int lda,
                                                             const c10::BFloat16* b, int ldb,
                                                             float beta, float* c, int ldc);

namespace candor::trainer {
namespace {

constexpr int kRowMajor = 101;  // cblas.h gives these numbers their meaning.

int cblas_kind(Operand operand) { return operand == Operand::kTransposed ? 112 : 111; }

}  // namespace

bool has_bf16_gemm() { return cblas_gemm_bf16bf16f32 != nullptr; }

void bf16_gemm(ProductSize size, Matrix<c10::BFloat16> a, Matrix<c10::BFloat16> b, float* c) {
  cblas_gemm_bf16bf16f32(kRowMajor, cblas_kind(a.operand), cblas_kind(b.operand),
                         static_cast<int>(size.m), static_cast<int>(size.n),
                         static_cast<int>(size.k), 1.0F, a.data, static_cast<int>(a.stride), b.data,
                         static_cast<int>(b.stride), 0.0F, c, static_cast<int>(size.n));
}

}  // namespace candor::trainer
