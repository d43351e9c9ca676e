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
void row_major(Blas blas, int64_t m, int64_t n, int64_t k, Matrix<Real> a, Matrix<Real> b,
               Real beta, Real* c, int64_t c_stride) {
  const char a_kind = a.operand == Operand::kTransposed ? 'T' : 'N',
             b_kind = b.operand == Operand::kTransposed ? 'T' : 'N';
  const int rows = static_cast<int>(m), columns = static_cast<int>(n), inner = static_cast<int>(k);
  const int lda = static_cast<int>(a.stride), ldb = static_cast<int>(b.stride),
            ldc = static_cast<int>(c_stride);
  const Real alpha = 1;
  blas(&b_kind, &a_kind, &columns, &rows, &inner, &alpha, b.data, &ldb, a.data, &lda, &beta, c,
       &ldc);
}

}  // namespace

template <>
void gemm<float>(int64_t m, int64_t n, int64_t k, Matrix<float> a, Matrix<float> b, float beta,
                 float* c, int64_t c_stride) {
  row_major(sgemm_, m, n, k, a, b, beta, c, c_stride);
}

template <>
void gemm<double>(int64_t m, int64_t n, int64_t k, Matrix<double> a, Matrix<double> b, double beta,
                  double* c, int64_t c_stride) {
  row_major(dgemm_, m, n, k, a, b, beta, c, c_stride);
}

}  // namespace candor::trainer
