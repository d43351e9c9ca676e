// A frozen Llama-architecture model with an optional LoRA adapter: forward and hand-written
// backward over packed micro-batches.
//
// Only rows that somebody reads go through the head: the confidence rows, and with lm_rows the rows
// that predict the response's tokens.
// Backward stops at the lowest adapted layer, and forward may start there (frozen_trunk.h). Nothing
// here communicates.
// Legend: T packed rows, B examples, R head rows, D width, V vocabulary. Tensors are on the model's
// device, in its dtype (fp32 or fp64).
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "data_pipeline/tokens/micro_batch.h"
#include "trainer/model/attention.h"
#include "trainer/model/frozen_product.h"
#include "trainer/model/lora.h"
#include "trainer/model/model_config.h"
#include "trainer/model/model_weights.h"

namespace candor::trainer {

struct ForwardOptions {
  const LoraAdapter* adapter = nullptr;  // null: the base model
  bool keep_for_backward = false;
  bool lm_rows = false;         // also head rows that predict the response tokens
  bool collect_hidden = false;  // hidden states of the confidence rows after every layer
  uint64_t dropout_key =
      0;  // from dropout_key_of(seed, step, micro-batch); used only when keeping for backward
  int64_t first_layer = 0;   // those below aren't computed; not with collect_hidden
  at::Tensor entering_TD{};  // with first_layer > 0: hidden states of all rows that enter it, as
                             // base_states gives them
  // aLoRA: only these rows are computed (ascending, in T; entering_TD is defined then, whatever
  // first_layer is); the others' keys and values are the base model's, of the layers from
  // first_layer on. forward writes the computed rows into them.
  std::vector<int64_t> active_rows{};
  std::vector<at::Tensor> base_keys_values{};
};

// What the base model computes of a micro-batch: hidden states that enter a layer, and the keys
// (rotated) and values of the layers from it on, side by side: [T, 2 * K * head_size] each.
struct BaseStates {
  at::Tensor entering_TD;
  std::vector<at::Tensor> keys_values;
};

// What backward needs of one linear module, layer and micro-batch.
struct LayerActivations {
  at::Tensor x_in, rstd_in, h_in, qkv, attention, lse, x_mid, rstd_mid, h_mid, gate_up, act;
  at::Tensor keys_values;  // aLoRA: of all rows, where the others' came from the base model
  std::array<at::Tensor, 7> lora_z;  // A dropout(x) of each adapted module, [rows, rank]
};

struct ForwardResult {
  at::Tensor
      head_in_RD;  // normed hidden states of the head rows: confidence rows first, in example order
  at::Tensor hidden_LBD;  // with collect_hidden: [layers, B, D], the last after the final norm as
                          // transformers gives it
  std::vector<int64_t> head_rows;  // row of each head row: in T, with active_rows among these
  std::vector<int64_t> lm_labels;  // for head rows B.. on: the token each predicts
  // Kept for backward:
  std::vector<LayerActivations> layers;
  at::Tensor final_in_RD, final_rstd_R;
  std::optional<PackedAttention> attention,
      last_attention;         // of all rows, and of the head rows in the last layer
  at::Tensor cos_TJ, sin_TJ;  // of the rows computed
  at::Tensor
      active_rows;  // of the options, on the model's device; undefined where all rows are computed
};

uint64_t dropout_key_of(uint64_t seed, int64_t step, int64_t micro_batch);

class LlamaModel {
 public:
  // weights_dtype: fp32, fp64, or bf16, in which the matrices are kept then; activations are fp32
  // (fp64 with fp64). products: of a model kept in bf16 on the CPU. Throws as ModelConfig and
  // ModelWeights do.
  LlamaModel(const std::string& dir, at::ScalarType weights_dtype, at::Device device = at::kCPU,
             Products products = Products::kAsActivations);

  // The same with weights that are there already, of the model in `dir` and in weights_dtype.
  LlamaModel(const std::string& dir, ModelWeights weights, at::ScalarType weights_dtype,
             Products products = Products::kAsActivations);

  const ModelConfig& config() const { return config_; }
  const ModelWeights& weights() const { return weights_; }
  at::ScalarType dtype() const { return dtype_; }  // of activations and adapter
  Products products() const { return products_; }
  at::Device device() const { return weights_.final_norm_D.device(); }

  ForwardResult forward(const data::MicroBatch& batch, const ForwardOptions& options) const;
  // Throws std::invalid_argument for a layer that isn't there.
  BaseStates base_states(const data::MicroBatch& batch, int64_t layer, bool keys_values) const;
  // Rows of the embedding, in the model's dtype: [ids, D]. Throws std::invalid_argument for an id
  // outside the vocabulary.
  at::Tensor embed(const std::vector<int64_t>& token_ids) const;
  at::Tensor logits(const at::Tensor& head_in_RD) const;  // [R, V]
  at::Tensor head_rows(
      const std::vector<uint32_t>& token_ids) const;               // [K, D], in the model's dtype
  at::Tensor logits_backward(const at::Tensor& dlogits_RV) const;  // [R, D]

  // Adds the gradient of every adapted weight to gradient_flat (layout of the adapter). dhead_RD:
  // gradient with respect to head_in_RD.
  void backward(const ForwardResult& kept, const ForwardOptions& options,
                const at::Tensor& dhead_RD, at::Tensor& gradient_flat) const;

  // cos and sin of RoPE for the given positions: [positions, head_size / 2]. Throws
  // std::invalid_argument for a position that a sliding window would cut.
  std::pair<at::Tensor, at::Tensor> rope_tables(const std::vector<int64_t>& positions) const;

 private:
  void plan_rows(
      const data::MicroBatch& batch, const std::vector<int64_t>& active_rows,
      ForwardResult& result) const;  // attention and RoPE tables; the head rows are chosen already
  // x: the hidden states that enter, then those that leave; in the last layer of the head rows
  // only.
  LayerActivations decoder_layer(int64_t layer, const ForwardOptions& options,
                                 const ForwardResult& rows_plan, at::Tensor& x) const;

  ModelConfig config_;
  at::ScalarType dtype_;
  Products products_;
  ModelWeights weights_;
  std::vector<double> frequencies_;
  const VarlenAttention* flash_;  // of a model in bf16 on a GPU that has it, else null
};

}  // namespace candor::trainer
