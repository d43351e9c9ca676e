#include "trainer/model/attention.h"

#include <ATen/ATen.h>

#include <utility>

#include "trainer/kernels/packed_attention.h"

namespace candor::trainer {
namespace {

template <typename Real>
AttentionBuffers<Real> buffers_of(const AttentionHeads& shape, const at::Tensor& q,
                                  const at::Tensor& k, const at::Tensor& v) {
  return {q.const_data_ptr<Real>(),
          k.const_data_ptr<Real>(),
          v.const_data_ptr<Real>(),
          q.stride(0),
          k.stride(0),
          shape.heads,
          shape.key_heads,
          shape.head_size};
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

void PackedAttention::forward(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                              at::Tensor& out, at::Tensor& lse) const {
  if (passes_) return passes_->forward(*flash_, shape_.heads, shape_.key_heads, q, k, v, out, lse);
  if (!q.is_cpu()) return attention_forward_aten(shape_, mask_, q, k, v, out, lse);
  AT_DISPATCH_FLOATING_TYPES(q.scalar_type(), "packed_attention", [&] {
    packed_attention_forward<scalar_t>(buffers_of<scalar_t>(shape_, q, k, v), plan_,
                                       out.mutable_data_ptr<scalar_t>(),
                                       lse.mutable_data_ptr<scalar_t>());
  });
}

void PackedAttention::backward(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                               const at::Tensor& out, const at::Tensor& lse, const at::Tensor& dout,
                               at::Tensor& dq, at::Tensor& dk, at::Tensor& dv) const {
  if (passes_)
    return passes_->backward(*flash_, shape_.heads, shape_.key_heads, q, k, v, out, lse, dout, dq,
                             dk, dv);
  if (!q.is_cpu())
    return attention_backward_aten(shape_, mask_, q, k, v, out, lse, dout, dq, dk, dv);
  AT_DISPATCH_FLOATING_TYPES(q.scalar_type(), "packed_attention_backward", [&] {
    packed_attention_backward<scalar_t>(
        buffers_of<scalar_t>(shape_, q, k, v), plan_, out.const_data_ptr<scalar_t>(),
        lse.const_data_ptr<scalar_t>(), dout.const_data_ptr<scalar_t>(),
        dq.mutable_data_ptr<scalar_t>(), dk.mutable_data_ptr<scalar_t>(),
        dv.mutable_data_ptr<scalar_t>());
  });
}

}  // namespace candor::trainer
