#include "trainer/kernels/gemm.h"

// BLAS's Fortran interface, which libtorch_cpu exports whatever BLAS it was built with.
extern "C" {
void sgemm_(const char* transa, const char* transb, const int* m, const int* n, const int* k,
            const float* alpha, const float* a, const int* lda, const float* b, const int* ldb,
            const float* beta, float* c, const int* ldc);
void dgemm_(const char* transa, const char* transb, const int* m, const int* n, const int* k,
            const double* alpha, const double* a, const int* lda, const double* b, const int* ldb,
            const double* beta, double* c, const int* ldc);
}

namespace candor::trainer {
namespace {

// BLAS counts in columns: a row-major matrix is its transpose there, so c^T = b^T a^T is computed.
template <typename Real, typename Blas>
void row_major(Blas blas, ProductSize size, Matrix<Real> a, Matrix<Real> b, ProductResult<Real> c) {
  const char a_kind = a.operand == Operand::kTransposed ? 'T' : 'N',
             b_kind = b.operand == Operand::kTransposed ? 'T' : 'N';
  const int rows = static_cast<int>(size.m), columns = static_cast<int>(size.n),
            inner = static_cast<int>(size.k);
  const int lda = static_cast<int>(a.stride), ldb = static_cast<int>(b.stride),
            ldc = static_cast<int>(c.stride);
  const Real alpha = 1;
  blas(&b_kind, &a_kind, &columns, &rows, &inner, &alpha, b.data, &ldb, a.data, &lda, &c.beta,
       c.data, &ldc);
}

}  // namespace

template <>
void gemm<float>(ProductSize size, Matrix<float> a, Matrix<float> b, ProductResult<float> c) {
  row_major(sgemm_, size, a, b, c);
}

template <>
void gemm<double>(ProductSize size, Matrix<double> a, Matrix<double> b, ProductResult<double> c) {
  row_major(dgemm_, size, a, b, c);
}

}  // namespace candor::trainer
