// A product of bf16 matrices that is summed and returned in fp32: fast on processors with AMX (and
// AVX512-BF16), correct on all.
#pragma once

#include <cstdint>

#include <c10/util/BFloat16.h>

namespace candor::trainer {

// Whether libtorch's BLAS has it; where it hasn't, bf16_gemm mustn't be called.
bool has_bf16_gemm();

// c[m, n] = a[m, k] b, row-major, dense a and c; b is [k, n] with rows of b_stride elements, or its
// transpose [n, k].
void bf16_gemm(int64_t m, int64_t n, int64_t k, const c10::BFloat16* a, const c10::BFloat16* b,
               int64_t b_stride, bool b_transposed, float* c);

}  // namespace candor::trainer
