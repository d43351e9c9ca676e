#include "trainer/model/attention.h"

#include <ATen/ATen.h>

#include <utility>

#include "trainer/kernels/packed_attention.h"

namespace candor::trainer {
namespace {

template <typename Real>
AttentionBuffers<Real> buffers_of(const AttentionHeads& shape, const AttentionTensors& tensors) {
  return {.q = tensors.q.const_data_ptr<Real>(),
          .k = tensors.k.const_data_ptr<Real>(),
          .v = tensors.v.const_data_ptr<Real>(),
          .q_stride = tensors.q.stride(0),
          .kv_stride = tensors.k.stride(0),
          .heads = shape.heads,
          .key_heads = shape.key_heads,
          .head_size = shape.head_size,
          .out = tensors.out.mutable_data_ptr<Real>(),
          .lse = tensors.lse.mutable_data_ptr<Real>()};
}

}  // namespace

PackedAttention::PackedAttention(const ModelConfig& config, std::vector<KeyRuns> queries,
                                 int64_t key_rows, at::Device device, const VarlenAttention* flash)
    : shape_{config.heads, config.key_heads, config.head_size},
      plan_(std::move(queries), attention_rows_per_block(config.heads, config.key_heads)),
      flash_(flash) {
  if (flash_ != nullptr) passes_ = SharedPrefixAttention::plan(plan_.queries, key_rows, device);
  if (!device.is_cpu() && !passes_) mask_ = attention_mask(plan_.queries, key_rows, device);
}

void PackedAttention::forward(const AttentionTensors& tensors) const {
  if (passes_) return passes_->forward(*flash_, shape_, tensors);
  if (!tensors.q.is_cpu()) return attention_forward_aten(shape_, mask_, tensors);
  AT_DISPATCH_FLOATING_TYPES(tensors.q.scalar_type(), "packed_attention", [&] {
    packed_attention_forward(buffers_of<scalar_t>(shape_, tensors), plan_);
  });
}

void PackedAttention::backward(const AttentionTensors& tensors,
                               const AttentionGradients& gradients) const {
  if (passes_) return passes_->backward(*flash_, shape_, tensors, gradients);
  if (!tensors.q.is_cpu()) return attention_backward_aten(shape_, mask_, tensors, gradients);
  AT_DISPATCH_FLOATING_TYPES(tensors.q.scalar_type(), "packed_attention_backward", [&] {
    const AttentionGradientBuffers<scalar_t> buffers{
        .dout = gradients.dout.const_data_ptr<scalar_t>(),
        .dq = gradients.dq.mutable_data_ptr<scalar_t>(),
        .dk = gradients.dk.mutable_data_ptr<scalar_t>(),
        .dv = gradients.dv.mutable_data_ptr<scalar_t>()};
    packed_attention_backward(buffers_of<scalar_t>(shape_, tensors), plan_, buffers);
  });
}

}  // namespace candor::trainer
