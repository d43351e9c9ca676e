// The row kernels on tensors, for the packed forward and backward passes and for cached decoding
// alike: tensors on the CPU go to trainer/kernels, all others (GPUs) to the same formulas in ATen
// operators (aten_kernels.h).
//
// Tensors are dense, fp32 or fp64, all on one device; shapes are the caller's business.
// Legend: T rows, D width, F MLP width, J half a head, S row width of the buffer that holds q, k
// and v side by side.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace candor::trainer {

// [T, D] -> [T, D]; rstd becomes [T].
at::Tensor rms_norm(const at::Tensor& x_TD, const at::Tensor& weight_D, double epsilon,
                    at::Tensor& rstd_T);

// Adds the gradient with respect to x to dx_TD.
void add_rms_norm_backward(const at::Tensor& dy_TD, const at::Tensor& x_TD,
                           const at::Tensor& weight_D, const at::Tensor& rstd_T, at::Tensor& dx_TD);

// Rotates the first `heads` heads of every row in place. direction: +1 forward, -1 backward (the
// inverse rotation).
void rotate_heads(at::Tensor& x_TS, const at::Tensor& cos_TJ, const at::Tensor& sin_TJ,
                  int64_t heads, int64_t head_size, int direction);

// [T, 2 F] -> [T, F]: silu(gate) * up.
at::Tensor swiglu(const at::Tensor& gate_up_T2F);
at::Tensor swiglu_backward(const at::Tensor& dy_TF, const at::Tensor& gate_up_T2F);

// x * mask / (1 - p); the mask is a pure function of (key, element), the same on every device.
at::Tensor dropout(const at::Tensor& x_TD, uint64_t key, double p);

}  // namespace candor::trainer
