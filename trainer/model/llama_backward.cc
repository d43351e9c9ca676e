#include <ATen/ATen.h>

#include "trainer/kernels/row_kernels.h"
#include "trainer/model/linear.h"
#include "trainer/model/llama.h"

namespace candor {
namespace {

void add_norm_backward(const at::Tensor& dy, const at::Tensor& x, const at::Tensor& weight, const at::Tensor& rstd, at::Tensor& dx) {
  const at::Tensor dense = dy.contiguous();
  AT_DISPATCH_FLOATING_TYPES(x.scalar_type(), "rms_norm_backward", [&] {
    rms_norm_backward<scalar_t>(dense.const_data_ptr<scalar_t>(), x.const_data_ptr<scalar_t>(), weight.const_data_ptr<scalar_t>(),
                                rstd.const_data_ptr<scalar_t>(), x.size(0), x.size(1), dx.mutable_data_ptr<scalar_t>());
  });
}

}  // namespace

void LlamaModel::backward(const ForwardResult& kept, const ForwardOptions& options, const at::Tensor& dhead_RD, at::Tensor& gradient_flat) const {
  const ModelConfig& c = config_;
  const int64_t q_width = c.heads * c.head_size, kv_width = c.key_heads * c.head_size, stride = q_width + 2 * kv_width;
  const int64_t lowest = options.adapter->options().layer_begin;
  const at::Tensor head_rows = at::tensor(kept.head_rows, at::TensorOptions().dtype(at::kLong));

  at::Tensor dx = at::zeros_like(kept.final_in_RD);  // gradient at the layer's output; [R, D] in the last layer, [T, D] below
  add_norm_backward(dhead_RD, kept.final_in_RD, weights_.final_norm_D, kept.final_rstd_R, dx);
  for (int64_t layer = c.layers - 1; layer >= lowest; --layer) {
    const LayerWeights& w = weights_.layers[static_cast<size_t>(layer)];
    const LayerActivations& a = kept.layers[static_cast<size_t>(layer)];
    const bool last = layer + 1 == c.layers;
    const LoraCall lora{options.adapter, layer, options.adapter->options().dropout, options.dropout_key};
    const auto z_of = [&a](LinearModule module) -> const at::Tensor& { return a.lora_z[static_cast<size_t>(module)]; };

    at::Tensor dact = at::mm(dx, w.down);
    add_lora_backward(lora, LinearModule::kDown, a.act, z_of(LinearModule::kDown), 0, dx, dact, gradient_flat);
    at::Tensor dgate_up = at::empty_like(a.gate_up);
    AT_DISPATCH_FLOATING_TYPES(dtype_, "swiglu_backward", [&] {
      swiglu_backward<scalar_t>(dact.const_data_ptr<scalar_t>(), a.gate_up.const_data_ptr<scalar_t>(), dact.size(0), c.mlp_width,
                                dgate_up.mutable_data_ptr<scalar_t>());
    });
    at::Tensor dh_mid = at::mm(dgate_up, w.gate_up);
    add_lora_backward(lora, LinearModule::kGate, a.h_mid, z_of(LinearModule::kGate), 0, dgate_up, dh_mid, gradient_flat);
    add_lora_backward(lora, LinearModule::kUp, a.h_mid, z_of(LinearModule::kUp), c.mlp_width, dgate_up, dh_mid, gradient_flat);
    add_norm_backward(dh_mid, a.x_mid, w.post_norm_D, a.rstd_mid, dx);

    const at::Tensor attention = last ? a.attention.index_select(0, head_rows) : a.attention;
    at::Tensor dattention = at::mm(dx, w.o);
    add_lora_backward(lora, LinearModule::kO, attention, z_of(LinearModule::kO), 0, dx, dattention, gradient_flat);
    if (last) {  // back from head rows to all rows; a row may be head row twice (its confidence and an LM label), hence add
      dattention = at::zeros_like(a.attention).index_add_(0, head_rows, dattention);
      dx = at::zeros({a.x_in.size(0), c.width}, dx.options()).index_add_(0, head_rows, dx);
    }
    at::Tensor dqkv = at::zeros({a.qkv.size(0), stride}, dx.options());
    // Each row once, also where it is a head row twice: its output gradient has been added up above.
    std::vector<KeyRuns> queries = kept.queries_T;
    if (last) {
      queries.clear();
      std::vector<bool> seen(static_cast<size_t>(a.qkv.size(0)), false);
      for (const KeyRuns& runs : kept.queries_R) {
        const auto row = static_cast<size_t>(runs.query_row);
        if (!seen[row]) queries.push_back(runs);
        seen[row] = true;
      }
    }
    AT_DISPATCH_FLOATING_TYPES(dtype_, "attention_backward", [&] {
      const scalar_t* qkv = a.qkv.const_data_ptr<scalar_t>();
      scalar_t* d = dqkv.mutable_data_ptr<scalar_t>();
      const AttentionBuffers<scalar_t> buffers{qkv, qkv + q_width, qkv + q_width + kv_width, stride, stride, c.heads, c.key_heads, c.head_size};
      packed_attention_backward<scalar_t>(buffers, queries, a.attention.const_data_ptr<scalar_t>(), a.lse.const_data_ptr<scalar_t>(),
                                          dattention.const_data_ptr<scalar_t>(), d, d + q_width, d + q_width + kv_width);
      rope_rows<scalar_t>(d, stride, kept.cos_TJ.const_data_ptr<scalar_t>(), kept.sin_TJ.const_data_ptr<scalar_t>(), dqkv.size(0),
                          c.heads + c.key_heads, c.head_size, scalar_t(-1));
    });
    // Nobody reads the gradient below the lowest adapted layer.
    at::Tensor dh_in = layer > lowest ? at::mm(dqkv, w.qkv) : at::zeros_like(a.h_in);
    add_lora_backward(lora, LinearModule::kQ, a.h_in, z_of(LinearModule::kQ), 0, dqkv, dh_in, gradient_flat);
    add_lora_backward(lora, LinearModule::kK, a.h_in, z_of(LinearModule::kK), q_width, dqkv, dh_in, gradient_flat);
    add_lora_backward(lora, LinearModule::kV, a.h_in, z_of(LinearModule::kV), q_width + kv_width, dqkv, dh_in, gradient_flat);
    if (layer > lowest) add_norm_backward(dh_in, a.x_in, w.input_norm_D, a.rstd_in, dx);
  }
}

}  // namespace candor
