// The chain rule through the decoder layers, from the head down to the lowest adapted layer.
//
// A layer computes x_mid = x_in + o(attention(qkv(norm(x_in)))) and x_out = x_mid +
// down(swiglu(gate_up(norm(x_mid)))). A sum hands its gradient to both terms, so dx stays as it is
// and each block's gradient is added to it: dx_mid = dx_out + (gradient through the MLP block),
// dx_in = dx_mid + (gradient through the attention block).
// Frozen weights W (y = W x) need no gradient of their own; they only carry dx = W^T dy down. So
// what is kept are the inputs of what isn't linear or is adapted (saved_forward.h).
#include <ATen/ATen.h>

#include "trainer/model/frozen_product.h"
#include "trainer/model/linear.h"
#include "trainer/model/llama.h"
#include "trainer/model/tensor_kernels.h"

namespace candor::trainer {
namespace {

// One layer on the way down.
struct LayerBackward {
  const ModelConfig& c;
  const LayerWeights& w;
  const LayerActivations& a;
  const RowsPlan& rows;
  const at::Tensor& head_rows;  // rows.head_rows on the device
  LoraCall lora;
  Products products;
  at::Tensor& gradient_flat;

  bool is_last() const { return lora.layer + 1 == c.layers; }
  int64_t q_width() const { return c.heads * c.head_size; }
  int64_t kv_width() const { return c.key_heads * c.head_size; }

  void lora_backward(FusedPart part, const at::Tensor& x, const at::Tensor& dy,
                     at::Tensor& dx) const {
    const at::Tensor& z = a.lora_z[static_cast<size_t>(part.module)];
    add_lora_backward(lora, part, {x, z}, dy, dx, gradient_flat);
  }
  void mlp_block(at::Tensor& dx) const;
  at::Tensor attention_inputs(const at::Tensor& dattention) const;
  void attention_block(at::Tensor& dx, bool wanted_below) const;
};

// dx: dx_out, then dx_mid.
void LayerBackward::mlp_block(at::Tensor& dx) const {
  at::Tensor dact = frozen_product(dx, w.down, products);
  lora_backward({LinearModule::kDown, 0}, a.act, dx, dact);
  const at::Tensor dgate_up = swiglu_backward(dact, a.gate_up);
  at::Tensor dh_mid = frozen_product(dgate_up, w.gate_up, products);
  lora_backward({LinearModule::kGate, 0}, a.h_mid, dgate_up, dh_mid);
  lora_backward({LinearModule::kUp, c.mlp_width}, a.h_mid, dgate_up, dh_mid);
  add_rms_norm_backward(dh_mid, a.x_mid, w.post_norm_D, a.rstd_mid, dx);
}

// The gradient of q, k and v as the products gave them, before RoPE. Queries and keys were rotated
// by their positions' angles, and a rotation's transpose turns back by the same angle.
// With aLoRA the keys and values of other rows came from the base model. They get gradients too,
// which nobody asks about: only those of the computed rows go on.
at::Tensor LayerBackward::attention_inputs(const at::Tensor& dattention) const {
  const int64_t kv = kv_width();
  at::Tensor dqkv = at::zeros({a.qkv.size(0), q_width() + 2 * kv}, dattention.options());
  const at::Tensor dkv_computed = dqkv.narrow(1, q_width(), 2 * kv);
  const bool some_rows = rows.active_rows.defined();
  const at::Tensor keys_values = some_rows ? a.keys_values : a.qkv.narrow(1, q_width(), 2 * kv);
  const at::Tensor dkv = some_rows ? at::zeros_like(keys_values) : dkv_computed;
  const AttentionTensors tensors{.q = a.qkv.narrow(1, 0, q_width()),
                                 .k = keys_values.narrow(1, 0, kv),
                                 .v = keys_values.narrow(1, kv, kv),
                                 .out = a.attention,
                                 .lse = a.lse};
  (is_last() ? rows.last_attention : rows.attention)
      ->backward(tensors, {.dout = dattention,
                           .dq = dqkv.narrow(1, 0, q_width()),
                           .dk = dkv.narrow(1, 0, kv),
                           .dv = dkv.narrow(1, kv, kv)});
  if (some_rows) dkv_computed.copy_(at::index(dkv, {rows.active_rows}));
  rotate_heads(dqkv, rows.cos_TJ, rows.sin_TJ, c.heads + c.key_heads, c.head_size, -1);
  return dqkv;
}

// dx: dx_mid, then dx_in, unless nobody below wants it.
void LayerBackward::attention_block(at::Tensor& dx, bool wanted_below) const {
  const at::Tensor attention = is_last() ? at::index(a.attention, {head_rows}) : a.attention;
  at::Tensor dattention = frozen_product(dx, w.o, products);
  lora_backward({LinearModule::kO, 0}, attention, dx, dattention);
  if (is_last()) {
    // Forward went on with the head rows only, so all other rows have gradients of zero. A row may
    // be head row twice (its confidence and an LM label); its gradients add up then.
    dattention = at::zeros_like(a.attention).index_add_(0, head_rows, dattention);
    dx = at::zeros({a.x_in.size(0), c.width}, dx.options()).index_add_(0, head_rows, dx);
  }
  const at::Tensor dqkv = attention_inputs(dattention);
  at::Tensor dh_in = wanted_below ? frozen_product(dqkv, w.qkv, products) : at::zeros_like(a.h_in);
  lora_backward({LinearModule::kQ, 0}, a.h_in, dqkv, dh_in);
  lora_backward({LinearModule::kK, q_width()}, a.h_in, dqkv, dh_in);
  lora_backward({LinearModule::kV, q_width() + kv_width()}, a.h_in, dqkv, dh_in);
  if (wanted_below) add_rms_norm_backward(dh_in, a.x_in, w.input_norm_D, a.rstd_in, dx);
}

}  // namespace

void LlamaModel::backward(const SavedForward& saved, const at::Tensor& dhead_RD,
                          at::Tensor& gradient_flat) const {
  const LoraOptions& adapter = saved.adapter->options();
  const at::Tensor head_rows =
      at::tensor(saved.rows.head_rows, at::TensorOptions().dtype(at::kLong)).to(device());
  // The gradient at a layer's output: [R, D] in the last layer, [T, D] below.
  at::Tensor dx = at::zeros_like(saved.final_in_RD);
  add_rms_norm_backward(dhead_RD, saved.final_in_RD, weights_.final_norm_D, saved.final_rstd_R, dx);
  for (int64_t layer = config_.layers - 1; layer >= adapter.layers.begin; --layer) {
    const auto at_layer = static_cast<size_t>(layer);
    const LayerBackward step{.c = config_,
                             .w = weights_.layers[at_layer],
                             .a = saved.layers[at_layer],
                             .rows = saved.rows,
                             .head_rows = head_rows,
                             .lora = {saved.adapter, layer, adapter.dropout, saved.dropout_key},
                             .products = products_,
                             .gradient_flat = gradient_flat};
    step.mlp_block(dx);
    step.attention_block(dx, /*wanted_below=*/layer > adapter.layers.begin);
  }
}

}  // namespace candor::trainer
