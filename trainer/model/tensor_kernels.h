// The row kernels on tensors, for the packed forward pass and for cached decoding alike. Tensors are dense, on the CPU, fp32 or fp64.
#pragma once

#include <ATen/core/Tensor.h>

namespace candor {

// Calls function(Real{}) with the C++ type of the model's dtype.
template <typename Function>
void dispatch(at::ScalarType dtype, const Function& function) {
  if (dtype == at::kDouble) {
    function(double{});
  } else {
    function(float{});
  }
}

// [T, D] -> [T, D]; rstd becomes [T].
at::Tensor rms_norm(const at::Tensor& x_TD, const at::Tensor& weight_D, double epsilon, at::Tensor& rstd_T);

// [T, 2 F] -> [T, F]: silu(gate) * up.
at::Tensor swiglu(const at::Tensor& gate_up_T2F);

}  // namespace candor
