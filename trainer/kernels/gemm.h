// Matrix products on raw row-major buffers, for kernels that multiply many small pieces: the BLAS
// inside libtorch without a tensor for each piece.
//
// Called inside a parallel region it runs on the calling thread. Real is float or double.
#pragma once

#include <cstdint>

#include "trainer/kernels/matrix.h"

namespace candor::trainer {

// Where a product goes: c = a b + beta c.
template <typename Real>
struct ProductResult {
  Real* data = nullptr;
  int64_t stride = 0;
  Real beta = 0;
};

// c[m, n] = a[m, k] b[k, n] + beta c, where a and b are taken as their `operand` says.
template <typename Real>
void gemm(ProductSize size, Matrix<Real> a, Matrix<Real> b, ProductResult<Real> c);

}  // namespace candor::trainer
