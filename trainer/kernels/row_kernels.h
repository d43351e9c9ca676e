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

// y = x * rstd * weight with rstd = 1 / sqrt(mean(x^2) + epsilon). rstd_T is kept for backward.
template <typename Real>
void rms_norm_forward(const Real* x_TD, const Real* weight_D, double epsilon, int64_t rows,
                      int64_t width, Real* y_TD, Real* rstd_T);

// Adds the gradient with respect to x to dx_TD; the norm's weight is frozen.
template <typename Real>
void rms_norm_backward(const Real* dy_TD, const Real* x_TD, const Real* weight_D,
                       const Real* rstd_T, int64_t rows, int64_t width, Real* dx_TD);

// Rotates `heads` heads of `head_size` in place, first half against second half (Hugging Face's
// layout). cos/sin: [T, head_size / 2].
// `direction` is +1 for forward and -1 for backward, which is the inverse rotation.
template <typename Real>
void rope_rows(Real* x, int64_t row_stride, const Real* cos_TJ, const Real* sin_TJ, int64_t rows,
               int64_t heads, int64_t head_size, Real direction);

// y = silu(gate) * up, gate_up_T2F holding gate and up side by side.
template <typename Real>
void swiglu_forward(const Real* gate_up_T2F, int64_t rows, int64_t width, Real* y_TF);
template <typename Real>
void swiglu_backward(const Real* dy_TF, const Real* gate_up_T2F, int64_t rows, int64_t width,
                     Real* dgate_up_T2F);

// y = x * mask / (1 - p), the mask a pure function of (key, element), so that it is the same on any
// rank and can be made again in backward.
template <typename Real>
void dropout_rows(const Real* x_TD, uint64_t key, double p, int64_t rows, int64_t width,
                  Real* y_TD);

}  // namespace candor::trainer
