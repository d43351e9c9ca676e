#include "trainer/model/tensor_kernels.h"

#include <ATen/ATen.h>

#include "trainer/kernels/row_kernels.h"
#include "trainer/model/aten_kernels.h"

namespace candor::trainer {

at::Tensor rms_norm(const at::Tensor& x_TD, const at::Tensor& weight_D, double epsilon,
                    at::Tensor& rstd_T) {
  if (!x_TD.is_cpu()) return rms_norm_aten(x_TD, weight_D, epsilon, rstd_T);
  at::Tensor y_TD = at::empty_like(x_TD);
  rstd_T = at::empty({x_TD.size(0)}, x_TD.options());
  AT_DISPATCH_FLOATING_TYPES(x_TD.scalar_type(), "rms_norm", [&] {
    rms_norm_forward<scalar_t>(x_TD.const_data_ptr<scalar_t>(), weight_D.const_data_ptr<scalar_t>(),
                               epsilon, {x_TD.size(0), x_TD.size(1)},
                               y_TD.mutable_data_ptr<scalar_t>(),
                               rstd_T.mutable_data_ptr<scalar_t>());
  });
  return y_TD;
}

void add_rms_norm_backward(const at::Tensor& dy_TD, const at::Tensor& x_TD,
                           const at::Tensor& weight_D, const at::Tensor& rstd_T,
                           at::Tensor& dx_TD) {
  if (!x_TD.is_cpu()) return add_rms_norm_backward_aten(dy_TD, x_TD, weight_D, rstd_T, dx_TD);
  const at::Tensor dense_TD = dy_TD.contiguous();
  AT_DISPATCH_FLOATING_TYPES(x_TD.scalar_type(), "rms_norm_backward", [&] {
    rms_norm_backward<scalar_t>(
        dense_TD.const_data_ptr<scalar_t>(), x_TD.const_data_ptr<scalar_t>(),
        weight_D.const_data_ptr<scalar_t>(), rstd_T.const_data_ptr<scalar_t>(),
        {x_TD.size(0), x_TD.size(1)}, dx_TD.mutable_data_ptr<scalar_t>());
  });
}

void rotate_heads(at::Tensor& x_TS, const at::Tensor& cos_TJ, const at::Tensor& sin_TJ,
                  int64_t heads, int64_t head_size, int direction) {
  if (!x_TS.is_cpu()) return rotate_heads_aten(x_TS, cos_TJ, sin_TJ, heads, head_size, direction);
  AT_DISPATCH_FLOATING_TYPES(x_TS.scalar_type(), "rotate_heads", [&] {
    const HeadRows<scalar_t> rows{.x = x_TS.mutable_data_ptr<scalar_t>(),
                                  .row_stride = x_TS.stride(0),
                                  .rows = x_TS.size(0),
                                  .heads = heads,
                                  .head_size = head_size};
    rope_rows<scalar_t>(rows, cos_TJ.const_data_ptr<scalar_t>(), sin_TJ.const_data_ptr<scalar_t>(),
                        static_cast<scalar_t>(direction));
  });
}

at::Tensor swiglu(const at::Tensor& gate_up_T2F) {
  if (!gate_up_T2F.is_cpu()) return swiglu_aten(gate_up_T2F);
  const int64_t width = gate_up_T2F.size(1) / 2;
  at::Tensor y_TF = at::empty({gate_up_T2F.size(0), width}, gate_up_T2F.options());
  AT_DISPATCH_FLOATING_TYPES(gate_up_T2F.scalar_type(), "swiglu", [&] {
    swiglu_forward<scalar_t>(gate_up_T2F.const_data_ptr<scalar_t>(), {gate_up_T2F.size(0), width},
                             y_TF.mutable_data_ptr<scalar_t>());
  });
  return y_TF;
}

at::Tensor swiglu_backward(const at::Tensor& dy_TF, const at::Tensor& gate_up_T2F) {
  if (!dy_TF.is_cpu()) return swiglu_backward_aten(dy_TF, gate_up_T2F);
  at::Tensor dgate_up_T2F = at::empty_like(gate_up_T2F);
  AT_DISPATCH_FLOATING_TYPES(dy_TF.scalar_type(), "swiglu_backward", [&] {
    candor::trainer::swiglu_backward<scalar_t>(
        dy_TF.const_data_ptr<scalar_t>(), gate_up_T2F.const_data_ptr<scalar_t>(),
        {dy_TF.size(0), dy_TF.size(1)}, dgate_up_T2F.mutable_data_ptr<scalar_t>());
  });
  return dgate_up_T2F;
}

at::Tensor dropout(const at::Tensor& x_TD, uint64_t key, double p) {
  if (!x_TD.is_cpu()) return dropout_aten(x_TD, key, p);
  at::Tensor y_TD = at::empty_like(x_TD);
  AT_DISPATCH_FLOATING_TYPES(x_TD.scalar_type(), "dropout", [&] {
    dropout_rows<scalar_t>(x_TD.const_data_ptr<scalar_t>(), key, p, {x_TD.size(0), x_TD.size(1)},
                           y_TD.mutable_data_ptr<scalar_t>());
  });
  return y_TD;
}

}  // namespace candor::trainer
