// The row kernels and packed attention in plain ATen operators, which run on any device: what
// tensors on a GPU are computed with. On the CPU the kernels of trainer/kernels are faster; tests
// hold the two against each other there.
//
// Contracts and shapes as in tensor_kernels.h and attention.h. Nothing here waits for the device.
// Attention builds all scores, [heads, queries, keys]: right for micro-batches of some hundred
// rows, not a flash attention.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "trainer/kernels/attention_plan.h"
#include "trainer/model/attention_tensors.h"

namespace candor::trainer {

at::Tensor rms_norm_aten(const at::Tensor& x_TD, const at::Tensor& weight_D, double epsilon,
                         at::Tensor& rstd_T);
void add_rms_norm_backward_aten(const at::Tensor& dy_TD, const at::Tensor& x_TD,
                                const at::Tensor& weight_D, const at::Tensor& rstd_T,
                                at::Tensor& dx_TD);
void rotate_heads_aten(at::Tensor& x_TS, const at::Tensor& cos_TJ, const at::Tensor& sin_TJ,
                       int64_t heads, int64_t head_size, int direction);
at::Tensor swiglu_aten(const at::Tensor& gate_up_T2F);
at::Tensor swiglu_backward_aten(const at::Tensor& dy_TF, const at::Tensor& gate_up_T2F);
at::Tensor dropout_aten(const at::Tensor& x_TD, uint64_t key, double p);

// Which keys each query may not see. Legend: R queries, N key rows.
struct AttentionMask {
  at::Tensor query_row_R;   // It holds int64.
  at::Tensor forbidden_RN;  // It holds bool.
};
AttentionMask attention_mask(const std::vector<KeyRuns>& queries, int64_t key_rows,
                             at::Device device);

void attention_forward_aten(const AttentionHeads& shape, const AttentionMask& mask,
                            const AttentionTensors& tensors);
void attention_backward_aten(const AttentionHeads& shape, const AttentionMask& mask,
                             const AttentionTensors& tensors, const AttentionGradients& gradients);

}  // namespace candor::trainer
