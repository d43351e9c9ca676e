#include <ATen/ATen.h>

#include "trainer/model/frozen_product.h"
#include "trainer/model/linear.h"
#include "trainer/model/llama.h"
#include "trainer/model/tensor_kernels.h"

namespace candor::trainer {

void LlamaModel::backward(const ForwardResult& kept, const ForwardOptions& options,
                          const at::Tensor& dhead_RD, at::Tensor& gradient_flat) const {
  const ModelConfig& c = config_;
  const int64_t q_width = c.heads * c.head_size, kv_width = c.key_heads * c.head_size,
                stride = q_width + 2 * kv_width;
  const int64_t lowest = options.adapter->options().layer_begin;
  const at::Tensor head_rows =
      at::tensor(kept.head_rows, at::TensorOptions().dtype(at::kLong)).to(device());

  at::Tensor dx = at::zeros_like(
      kept.final_in_RD);  // gradient at the layer's output; [R, D] in the last layer, [T, D] below
  add_rms_norm_backward(dhead_RD, kept.final_in_RD, weights_.final_norm_D, kept.final_rstd_R, dx);
  for (int64_t layer = c.layers - 1; layer >= lowest; --layer) {
    const LayerWeights& w = weights_.layers[static_cast<size_t>(layer)];
    const LayerActivations& a = kept.layers[static_cast<size_t>(layer)];
    const bool last = layer + 1 == c.layers;
    const LoraCall lora{options.adapter, layer, options.adapter->options().dropout,
                        options.dropout_key};
    const auto z_of = [&a](LinearModule module) -> const at::Tensor& {
      return a.lora_z[static_cast<size_t>(module)];
    };

    at::Tensor dact = frozen_product(dx, w.down, products_);
    add_lora_backward(lora, LinearModule::kDown, a.act, z_of(LinearModule::kDown), 0, dx, dact,
                      gradient_flat);
    at::Tensor dgate_up = swiglu_backward(dact, a.gate_up);
    at::Tensor dh_mid = frozen_product(dgate_up, w.gate_up, products_);
    add_lora_backward(lora, LinearModule::kGate, a.h_mid, z_of(LinearModule::kGate), 0, dgate_up,
                      dh_mid, gradient_flat);
    add_lora_backward(lora, LinearModule::kUp, a.h_mid, z_of(LinearModule::kUp), c.mlp_width,
                      dgate_up, dh_mid, gradient_flat);
    add_rms_norm_backward(dh_mid, a.x_mid, w.post_norm_D, a.rstd_mid, dx);

    const at::Tensor attention = last ? at::index(a.attention, {head_rows}) : a.attention;
    at::Tensor dattention = frozen_product(dx, w.o, products_);
    add_lora_backward(lora, LinearModule::kO, attention, z_of(LinearModule::kO), 0, dx, dattention,
                      gradient_flat);
    if (last) {  // back from head rows to all rows; a row may be head row twice (its confidence and
                 // an LM label), hence add
      dattention = at::zeros_like(a.attention).index_add_(0, head_rows, dattention);
      dx = at::zeros({a.x_in.size(0), c.width}, dx.options()).index_add_(0, head_rows, dx);
    }
    at::Tensor dqkv = at::zeros({a.qkv.size(0), stride}, dx.options());
    at::Tensor dq = dqkv.narrow(1, 0, q_width),
               dkv_computed = dqkv.narrow(1, q_width, 2 * kv_width);
    const bool some_rows = kept.active_rows.defined();
    const at::Tensor keys_values =
        some_rows ? a.keys_values : a.qkv.narrow(1, q_width, 2 * kv_width);
    at::Tensor dkv = some_rows ? at::zeros_like(keys_values) : dkv_computed;
    at::Tensor dk = dkv.narrow(1, 0, kv_width), dv = dkv.narrow(1, kv_width, kv_width);
    (last ? kept.last_attention : kept.attention)
        ->backward(a.qkv.narrow(1, 0, q_width), keys_values.narrow(1, 0, kv_width),
                   keys_values.narrow(1, kv_width, kv_width), a.attention, a.lse, dattention, dq,
                   dk, dv);
    if (some_rows)
      dkv_computed.copy_(at::index(dkv, {kept.active_rows}));  // nobody asks about the base model's
    rotate_heads(dqkv, kept.cos_TJ, kept.sin_TJ, c.heads + c.key_heads, c.head_size, -1);
    // Nobody reads the gradient below the lowest adapted layer.
    at::Tensor dh_in =
        layer > lowest ? frozen_product(dqkv, w.qkv, products_) : at::zeros_like(a.h_in);
    add_lora_backward(lora, LinearModule::kQ, a.h_in, z_of(LinearModule::kQ), 0, dqkv, dh_in,
                      gradient_flat);
    add_lora_backward(lora, LinearModule::kK, a.h_in, z_of(LinearModule::kK), q_width, dqkv, dh_in,
                      gradient_flat);
    add_lora_backward(lora, LinearModule::kV, a.h_in, z_of(LinearModule::kV), q_width + kv_width,
                      dqkv, dh_in, gradient_flat);
    if (layer > lowest) add_rms_norm_backward(dh_in, a.x_in, w.input_norm_D, a.rstd_in, dx);
  }
}

}  // namespace candor::trainer
