#include "trainer/model/tensor_kernels.h"

#include <ATen/ATen.h>

#include "trainer/kernels/row_kernels.h"

namespace candor {

at::Tensor rms_norm(const at::Tensor& x_TD, const at::Tensor& weight_D, double epsilon, at::Tensor& rstd_T) {
  at::Tensor y_TD = at::empty_like(x_TD);
  rstd_T = at::empty({x_TD.size(0)}, x_TD.options());
  dispatch(x_TD.scalar_type(), [&](auto zero) {
    using Real = decltype(zero);
    rms_norm_forward<Real>(x_TD.const_data_ptr<Real>(), weight_D.const_data_ptr<Real>(), epsilon, x_TD.size(0), x_TD.size(1),
                           y_TD.mutable_data_ptr<Real>(), rstd_T.mutable_data_ptr<Real>());
  });
  return y_TD;
}

at::Tensor swiglu(const at::Tensor& gate_up_T2F) {
  const int64_t width = gate_up_T2F.size(1) / 2;
  at::Tensor y_TF = at::empty({gate_up_T2F.size(0), width}, gate_up_T2F.options());
  dispatch(gate_up_T2F.scalar_type(), [&](auto zero) {
    using Real = decltype(zero);
    swiglu_forward<Real>(gate_up_T2F.const_data_ptr<Real>(), gate_up_T2F.size(0), width, y_TF.mutable_data_ptr<Real>());
  });
  return y_TF;
}

}  // namespace candor
