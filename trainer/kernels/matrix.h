// How a matrix lies in memory, for the products of small pieces (gemm.h, bf16_gemm.h). A matrix is
// a view: who made the buffer owns it.
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

// The sizes of c[m, n] = a[m, k] b[k, n]; each is at least 1.
struct ProductSize {
  int64_t m = 0, n = 0, k = 0;
};

}  // namespace candor::trainer
