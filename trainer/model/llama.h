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

#include <cstdint>
#include <string>
#include <vector>

#include "data_pipeline/tokens/micro_batch.h"
#include "trainer/model/frozen_product.h"
#include "trainer/model/lora.h"
#include "trainer/model/model_config.h"
#include "trainer/model/model_weights.h"
#include "trainer/model/pass_start.h"
#include "trainer/model/saved_forward.h"

namespace candor::trainer {

// What is asked of a pass.
struct ForwardOptions {
  const LoraAdapter* adapter = nullptr;  // Null stands for the base model.
  bool lm_rows = false;  // Whether the rows that predict the response tokens are head rows too.
  // Whether hidden states of the confidence rows are collected after every layer. The pass must
  // start at the embedding then.
  bool collect_hidden = false;
};

struct ForwardResult {
  // The normed hidden states of the head rows; the confidence rows come first, in example order.
  at::Tensor head_in_RD;
  // With collect_hidden this is [layers, B, D]. The last layer's are taken after the final norm, as
  // transformers gives them.
  at::Tensor hidden_LBD;
  std::vector<int64_t> lm_labels;  // The token that each head row from row B on predicts.
};

// A result, and what backward needs to give its gradient.
struct TrainingForward {
  ForwardResult result;
  SavedForward saved;
};

struct LoraCall;

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
  at::ScalarType dtype() const { return dtype_; }  // Activations and adapter have it.
  Products products() const { return products_; }
  at::Device device() const { return weights_.final_norm_D.device(); }

  // Throw std::logic_error for hidden states of a pass that doesn't start at the embedding, and
  // std::invalid_argument as rope_tables and embed do.
  ForwardResult forward(const data::MicroBatch& batch, const ForwardOptions& options,
                        PassStart start = {}) const;
  // The same with the adapter's dropout, for backward. options.adapter mustn't be null; dropout_key
  // comes from dropout_key_of(seed, step, micro-batch).
  TrainingForward forward_to_train(const data::MicroBatch& batch, const ForwardOptions& options,
                                   uint64_t dropout_key, PassStart start = {}) const;
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
  void backward(const SavedForward& saved, const at::Tensor& dhead_RD,
                at::Tensor& gradient_flat) const;

  // cos and sin of RoPE for the given positions: [positions, head_size / 2]. Throws
  // std::invalid_argument for a position that a sliding window would cut.
  std::pair<at::Tensor, at::Tensor> rope_tables(const std::vector<int64_t>& positions) const;

 private:
  // Attention and RoPE tables of the active rows (empty: of all); head_rows are in T.
  RowsPlan plan_rows(const data::MicroBatch& batch, const std::vector<int64_t>& active_rows,
                     std::vector<int64_t> head_rows) const;
  // The pass itself. `keep`, if not null, has adapter and dropout key, and gets the rest.
  ForwardResult run(const data::MicroBatch& batch, const ForwardOptions& options, PassStart start,
                    SavedForward* keep) const;
  // lora says which layer. base_keys_values: of all rows, where only some are computed, else
  // undefined; the layer writes the computed rows into it. x: the hidden states that enter, then
  // those that leave; in the last layer of the head rows only.
  LayerActivations decoder_layer(const LoraCall& lora, const RowsPlan& rows,
                                 const at::Tensor& base_keys_values, at::Tensor& x) const;
  // The two halves of it: x + attention block, x + MLP block.
  void attention_block(const LoraCall& lora, const RowsPlan& rows,
                       const at::Tensor& base_keys_values, LayerActivations& kept,
                       at::Tensor& x) const;
  void mlp_block(const LoraCall& lora, LayerActivations& kept, at::Tensor& x) const;

  ModelConfig config_;
  at::ScalarType dtype_;
  Products products_;
  ModelWeights weights_;
  std::vector<double> frequencies_;
  const VarlenAttention* flash_;  // Null unless the model is in bf16 on a GPU that has it.
};

}  // namespace candor::trainer
