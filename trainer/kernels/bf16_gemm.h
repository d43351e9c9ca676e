// A product of bf16 matrices that is summed and returned in fp32: fast on processors with AMX (and
// AVX512-BF16), correct on all.
#pragma once

#include <cstdint>

#include <c10/util/BFloat16.h>

#include "trainer/kernels/matrix.h"

namespace candor::trainer {

// Whether libtorch's BLAS has it; where it hasn't, bf16_gemm mustn't be called.
bool has_bf16_gemm();

// c[m, n] = a[m, k] b[k, n], where a and b are taken as their `operand` says; c is dense and
// row-major.
void bf16_gemm(ProductSize size, Matrix<c10::BFloat16> a, Matrix<c10::BFloat16> b, float* c);

}  // namespace candor::trainer
