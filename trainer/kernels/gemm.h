// Matrix products on raw row-major buffers, for kernels that multiply many small pieces: the BLAS
// inside libtorch without a tensor for each piece.
//
// Called inside a parallel region it runs on the calling thread. Real is float or double.
#pragma once

#include <cstdint>

namespace candor::trainer {

enum class Operand { kAsIs, kTransposed };

template <typename Real>
struct Matrix {
  const Real* data = nullptr;
  int64_t stride = 0;  // elements from row to row, as it lies in memory
  Operand operand = Operand::kAsIs;
};

// c[m, n] = a[m, k] b[k, n] + beta c, where a and b are taken as their `operand` says. m, n and k
// are at least 1.
template <typename Real>
void gemm(int64_t m, int64_t n, int64_t k, Matrix<Real> a, Matrix<Real> b, Real beta, Real* c,
          int64_t c_stride);

}  // namespace candor::trainer
