// Fused CPU kernels that work row by row on packed activations, forward and backward: RMSNorm,
// RoPE, SwiGLU, LoRA dropout.
//
// Shapes: T rows; buffers are contiguous row-major unless a row stride (in elements) is given. Real
// is float or double.
// They run on at::parallel_for over rows, and every row is computed the same way on any number of
// threads.
// Errors: none; the caller (trainer/model) has checked shapes.
#pragma once

#include <cstdint>

namespace candor::trainer {

struct RowShape {
  int64_t rows = 0, width = 0;
};

// y = x * rstd * weight with rstd = 1 / sqrt(mean(x^2) + epsilon). rstd_T is kept for backward.
template <typename Real>
void rms_norm_forward(const Real* x_TD, const Real* weight_D, double epsilon, RowShape shape,
                      Real* y_TD, Real* rstd_T);

// Adds the gradient with respect to x to dx_TD; the norm's weight is frozen. With r = rstd, which
// depends on every x_j of the row, dr / dx_j = -r^3 x_j / D. So the gradient of a row is
//   dx_j = r w_j dy_j - x_j r^3 / D * sum_i(dy_i w_i x_i).
template <typename Real>
void rms_norm_backward(const Real* dy_TD, const Real* x_TD, const Real* weight_D,
                       const Real* rstd_T, RowShape shape, Real* dx_TD);

// Heads side by side at the beginning of each row.
template <typename Real>
struct HeadRows {
  Real* x = nullptr;
  int64_t row_stride = 0, rows = 0, heads = 0, head_size = 0;
};

// Rotates the heads in place: element j of the first half and element j of the second (Hugging
// Face's layout) are a point (a, b) of a plane that turns by the row's angle j. cos/sin: [T,
// head_size / 2].
// `direction` is +1 for forward. It is -1 for backward: a gradient goes through the transposed
// matrix, and a rotation's transpose is its inverse, so nothing needs to be kept.
template <typename Real>
void rope_rows(const HeadRows<Real>& heads, const Real* cos_TJ, const Real* sin_TJ, Real direction);

// y = silu(gate) * up, gate_up_T2F holding gate and up side by side; shape.width is y's.
template <typename Real>
void swiglu_forward(const Real* gate_up_T2F, RowShape shape, Real* y_TF);
// With s = 1 / (1 + exp(-gate)), silu(gate) = gate s and its derivative is s (1 + gate (1 - s)). So
// dgate = dy up s (1 + gate (1 - s)) and dup = dy gate s; gate and up alone are kept for it.
template <typename Real>
void swiglu_backward(const Real* dy_TF, const Real* gate_up_T2F, RowShape shape,
                     Real* dgate_up_T2F);

// y = x * mask / (1 - p), the mask a pure function of (key, element), so that it is the same on any
// rank. Backward makes it again instead of keeping it: dropout is a diagonal matrix, its own
// transpose, so dx = dy * mask / (1 - p).
template <typename Real>
void dropout_rows(const Real* x_TD, uint64_t key, double p, RowShape shape, Real* y_TD);

}  // namespace candor::trainer
