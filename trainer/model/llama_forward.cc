#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "trainer/model/frozen_product.h"
#include "trainer/model/linear.h"
#include "trainer/model/llama.h"
#include "trainer/model/tensor_kernels.h"

namespace candor::trainer {
namespace {

at::Tensor rows_of(const at::Tensor& x, const std::vector<int64_t>& rows) {
  return at::index(x, {at::tensor(rows, at::TensorOptions().dtype(at::kLong)).to(x.device())});
}

std::vector<KeyRuns> key_runs_of(const data::MicroBatch& batch) {
  std::vector<KeyRuns> runs;
  for (const data::Segment& segment : batch.segments) {
    KeyRuns row;
    if (segment.parent >= 0) {
      const data::Segment& prefix = batch.segments[static_cast<size_t>(segment.parent)];
      if (prefix.parent >= 0)
        throw std::invalid_argument("micro-batch: a prefix of a prefix isn't supported");
      row.prefix_begin = prefix.begin;
      row.prefix_length = prefix.length;
    }
    row.own_begin = segment.begin;
    for (int64_t t = 0; t < segment.length; ++t) {
      row.query_row = segment.begin + t;
      row.own_length = t + 1;
      runs.push_back(row);
    }
  }
  return runs;
}

// Each row once, also where it is head row twice (its confidence and an LM label).
std::vector<KeyRuns> runs_of_rows(const std::vector<KeyRuns>& queries_T,
                                  const std::vector<int64_t>& rows) {
  std::vector<KeyRuns> chosen;
  std::vector<bool> seen(queries_T.size(), false);
  for (const int64_t row : rows) {
    const auto t = static_cast<size_t>(row);
    if (!seen[t]) chosen.push_back(queries_T[t]);
    seen[t] = true;
  }
  return chosen;
}

// The head rows beyond the confidence rows: the row before each response token, labelled with that
// token.
void add_lm_rows(const data::MicroBatch& batch, std::vector<int64_t>& head_rows,
                 std::vector<int64_t>& labels) {
  for (const auto& [begin, end] : batch.response_rows_B) {
    for (int64_t row = begin; row < end; ++row) {
      if (row == 0) continue;
      head_rows.push_back(row - 1);
      labels.push_back(batch.tokens_T[static_cast<size_t>(row)]);
    }
  }
}

// Restricts queries and positions to the active rows, and counts head_rows among these.
void restrict_to(const std::vector<int64_t>& active_rows, std::vector<KeyRuns>& queries,
                 std::vector<int64_t>& positions, std::vector<int64_t>& head_rows) {
  std::vector<KeyRuns> active_queries;
  std::vector<int64_t> active_positions;
  for (const int64_t row : active_rows) {
    active_queries.push_back(queries.at(static_cast<size_t>(row)));
    active_queries.back().query_row = static_cast<int64_t>(active_positions.size());
    active_positions.push_back(positions[static_cast<size_t>(row)]);
  }
  for (int64_t& row : head_rows)
    row = std::lower_bound(active_rows.begin(), active_rows.end(), row) - active_rows.begin();
  queries = std::move(active_queries);
  positions = std::move(active_positions);
}

}  // namespace

LlamaModel::LlamaModel(const std::string& dir, at::ScalarType weights_dtype, at::Device device,
                       Products products)
    : LlamaModel(dir,
                 ModelWeights::load(dir, ModelConfig::from_model_dir(dir), weights_dtype, device),
                 weights_dtype, products) {}

LlamaModel::LlamaModel(const std::string& dir, ModelWeights weights, at::ScalarType weights_dtype,
                       Products products)
    : config_(ModelConfig::from_model_dir(dir)),
      dtype_(weights_dtype == at::kDouble ? at::kDouble : at::kFloat),
      products_(products),
      weights_(std::move(weights)),
      frequencies_(rope_frequencies(config_)),
      flash_(weights_.embedding_VD.scalar_type() == at::kBFloat16
                 ? flash_attention(device(), config_.head_size)
                 : nullptr) {}

std::pair<at::Tensor, at::Tensor> LlamaModel::rope_tables(
    const std::vector<int64_t>& positions) const {
  const auto rows = static_cast<int64_t>(positions.size()), half = config_.head_size / 2;
  at::Tensor angles = at::empty({rows, half}, at::kDouble);
  double* values = angles.mutable_data_ptr<double>();
  for (int64_t t = 0; t < rows; ++t) {
    if (config_.sliding_window > 0 && positions[static_cast<size_t>(t)] >= config_.sliding_window) {
      throw std::invalid_argument(
          fmt::format("a sequence of more than {} tokens would be cut by the model's sliding "
                      "window, which isn't supported: shorten "
                      "the prompt or lower prepare.max_tokens",
                      config_.sliding_window));
    }
    for (int64_t j = 0; j < half; ++j) {
      values[t * half + j] = static_cast<double>(positions[static_cast<size_t>(t)]) *
                             frequencies_[static_cast<size_t>(j)];
    }
  }
  return {angles.cos().to(dtype_).to(device()), angles.sin().to(dtype_).to(device())};
}

at::Tensor LlamaModel::embed(const std::vector<int64_t>& token_ids) const {
  for (const int64_t id : token_ids) {
    if (id < 0 || id >= config_.vocabulary) {
      throw std::invalid_argument(
          fmt::format("token id {} is outside the model's vocabulary of {}: wrong tokenizer?", id,
                      config_.vocabulary));
    }
  }
  return rows_of(weights_.embedding_VD, token_ids).to(dtype_);
}

at::Tensor LlamaModel::logits(const at::Tensor& head_in_RD) const {
  return frozen_product(head_in_RD, weights_.head_VD.t(), products_);
}

at::Tensor LlamaModel::head_rows(const std::vector<uint32_t>& token_ids) const {
  return rows_of(weights_.head_VD, {token_ids.begin(), token_ids.end()}).to(dtype_);
}

at::Tensor LlamaModel::logits_backward(const at::Tensor& dlogits_RV) const {
  return frozen_product(dlogits_RV, weights_.head_VD, products_);
}

RowsPlan LlamaModel::plan_rows(const data::MicroBatch& batch,
                               const std::vector<int64_t>& active_rows,
                               std::vector<int64_t> head_rows) const {
  const auto rows = static_cast<int64_t>(batch.tokens_T.size());
  RowsPlan plan;
  std::vector<KeyRuns> queries = key_runs_of(batch);
  std::vector<int64_t> positions;
  for (const data::Segment& segment : batch.segments) {
    for (int64_t t = 0; t < segment.length; ++t) positions.push_back(segment.position + t);
  }
  if (!active_rows.empty()) {
    plan.active_rows = at::tensor(active_rows, at::TensorOptions().dtype(at::kLong)).to(device());
    restrict_to(active_rows, queries, positions, head_rows);
  }
  // In the last layer only the head rows have queries: nobody reads the others.
  plan.last_attention.emplace(config_, runs_of_rows(queries, head_rows), rows, device());
  plan.attention.emplace(config_, std::move(queries), rows, device(), flash_);
  plan.head_rows = std::move(head_rows);
  std::tie(plan.cos_TJ, plan.sin_TJ) = rope_tables(positions);
  return plan;
}

void LlamaModel::attention_block(const LoraCall& lora, const RowsPlan& plan,
                                 const at::Tensor& base_keys_values, LayerActivations& kept,
                                 at::Tensor& x) const {
  const ModelConfig& c = config_;
  const int64_t rows = x.size(0), q_width = c.heads * c.head_size,
                kv_width = c.key_heads * c.head_size;
  const LayerWeights& w = weights_.layers[static_cast<size_t>(lora.layer)];
  const bool last = lora.layer + 1 == c.layers;
  const auto z_of = [&kept](LinearModule module) -> at::Tensor& {
    return kept.lora_z[static_cast<size_t>(module)];
  };
  kept.x_in = x;
  kept.h_in = rms_norm(x, w.input_norm_D, c.norm_epsilon, kept.rstd_in);
  kept.qkv = frozen_product(kept.h_in, w.qkv.t(), products_);
  if (w.qkv_bias.defined()) kept.qkv.add_(w.qkv_bias);
  for (const FusedPart part : {FusedPart{LinearModule::kQ, 0}, FusedPart{LinearModule::kK, q_width},
                               FusedPart{LinearModule::kV, q_width + kv_width}})
    add_lora(lora, part, kept.h_in, kept.qkv, z_of(part.module));
  kept.attention =
      last ? at::zeros({rows, q_width}, x.options()) : at::empty({rows, q_width}, x.options());
  kept.lse = at::empty({rows, c.heads}, x.options());
  rotate_heads(kept.qkv, plan.cos_TJ, plan.sin_TJ, c.heads + c.key_heads, c.head_size, +1);
  at::Tensor keys_values = kept.qkv.narrow(1, q_width, 2 * kv_width);
  if (plan.active_rows.defined()) {
    kept.keys_values = base_keys_values;
    kept.keys_values.index_copy_(0, plan.active_rows, keys_values);
    keys_values = kept.keys_values;
  }
  (last ? plan.last_attention : plan.attention)
      ->forward({.q = kept.qkv.narrow(1, 0, q_width),
                 .k = keys_values.narrow(1, 0, kv_width),
                 .v = keys_values.narrow(1, kv_width, kv_width),
                 .out = kept.attention,
                 .lse = kept.lse});
  at::Tensor attention = kept.attention;
  if (last) {
    attention = rows_of(attention, plan.head_rows);
    x = rows_of(x, plan.head_rows);
  }
  at::Tensor o = frozen_product(attention, w.o.t(), products_);
  if (w.o_bias.defined()) o.add_(w.o_bias);
  add_lora(lora, {LinearModule::kO, 0}, attention, o, z_of(LinearModule::kO));
  x = x + o;
}

void LlamaModel::mlp_block(const LoraCall& lora, LayerActivations& kept, at::Tensor& x) const {
  const LayerWeights& w = weights_.layers[static_cast<size_t>(lora.layer)];
  const auto z_of = [&kept](LinearModule module) -> at::Tensor& {
    return kept.lora_z[static_cast<size_t>(module)];
  };
  kept.x_mid = x;
  kept.h_mid = rms_norm(x, w.post_norm_D, config_.norm_epsilon, kept.rstd_mid);
  kept.gate_up = frozen_product(kept.h_mid, w.gate_up.t(), products_);
  for (const FusedPart part :
       {FusedPart{LinearModule::kGate, 0}, FusedPart{LinearModule::kUp, config_.mlp_width}})
    add_lora(lora, part, kept.h_mid, kept.gate_up, z_of(part.module));
  kept.act = swiglu(kept.gate_up);
  at::Tensor down = frozen_product(kept.act, w.down.t(), products_);
  add_lora(lora, {LinearModule::kDown, 0}, kept.act, down, z_of(LinearModule::kDown));
  x = x + down;
}

LayerActivations LlamaModel::decoder_layer(const LoraCall& lora, const RowsPlan& rows,
                                           const at::Tensor& base_keys_values,
                                           at::Tensor& x) const {
  LayerActivations kept;
  attention_block(lora, rows, base_keys_values, kept, x);
  mlp_block(lora, kept, x);
  return kept;
}

BaseStates LlamaModel::base_states(const data::MicroBatch& batch, int64_t layer,
                                   bool keys_values) const {
  if (layer < 0 || layer >= config_.layers)
    throw std::invalid_argument(fmt::format("no layer {} in a model of {}", layer, config_.layers));
  const RowsPlan rows = plan_rows(batch, {}, {});
  BaseStates states;
  at::Tensor x = embed({batch.tokens_T.begin(), batch.tokens_T.end()});
  for (int64_t below = 0; below < layer; ++below) decoder_layer({.layer = below}, rows, {}, x);
  states.entering_TD = x;
  const int64_t q_width = config_.heads * config_.head_size,
                kv_width = config_.key_heads * config_.head_size;
  for (; keys_values && layer < config_.layers; ++layer) {
    const LayerActivations computed = decoder_layer({.layer = layer}, rows, {}, x);
    states.keys_values.push_back(computed.qkv.narrow(1, q_width, 2 * kv_width).contiguous());
  }
  return states;
}

ForwardResult LlamaModel::forward(const data::MicroBatch& batch, const ForwardOptions& options,
                                  PassStart start) const {
  return run(batch, options, std::move(start), nullptr);
}

TrainingForward LlamaModel::forward_to_train(const data::MicroBatch& batch,
                                             const ForwardOptions& options, uint64_t dropout_key,
                                             PassStart start) const {
  if (options.adapter == nullptr)
    throw std::logic_error("a forward pass to train needs the adapter that is trained");
  TrainingForward pass;
  pass.saved.adapter = options.adapter;
  pass.saved.dropout_key = dropout_key;
  pass.result = run(batch, options, std::move(start), &pass.saved);
  return pass;
}

ForwardResult LlamaModel::run(const data::MicroBatch& batch, const ForwardOptions& options,
                              PassStart start, SavedForward* keep) const {
  const ModelConfig& c = config_;
  if (!start.at_embedding() && options.collect_hidden) {
    throw std::logic_error(
        "forward from a layer above the first, or of some rows, needs what enters it, and has no "
        "hidden states of the rest");
  }
  ForwardResult result;
  std::vector<int64_t> head_rows = batch.confidence_row_B;
  if (options.lm_rows) add_lm_rows(batch, head_rows, result.lm_labels);
  RowsPlan rows = plan_rows(batch, start.active_rows(), std::move(head_rows));
  LoraCall lora{.adapter = options.adapter};
  if (keep != nullptr) {
    lora.dropout = options.adapter->options().dropout;
    lora.dropout_key = keep->dropout_key;
    keep->layers.resize(static_cast<size_t>(c.layers));
  }
  std::vector<at::Tensor> hidden;
  at::Tensor x = start.at_embedding() ? embed({batch.tokens_T.begin(), batch.tokens_T.end()})
                                      : start.entering_TD();
  if (rows.active_rows.defined()) x = at::index(x, {rows.active_rows});
  for (lora.layer = start.layer(); lora.layer < c.layers; ++lora.layer) {
    LayerActivations kept = decoder_layer(lora, rows, start.take_keys_values(lora.layer), x);
    if (options.collect_hidden && lora.layer + 1 < c.layers)
      hidden.push_back(rows_of(x, batch.confidence_row_B));
    if (keep != nullptr && lora.layer >= options.adapter->options().layers.begin)
      keep->layers[static_cast<size_t>(lora.layer)] = std::move(kept);
  }
  at::Tensor final_rstd_R;
  result.head_in_RD = rms_norm(x, weights_.final_norm_D, c.norm_epsilon, final_rstd_R);
  if (options.collect_hidden) {
    hidden.push_back(
        result.head_in_RD.narrow(0, 0, static_cast<int64_t>(batch.confidence_row_B.size())));
    result.hidden_LBD = at::stack(hidden);
  }
  if (keep != nullptr) {
    keep->rows = std::move(rows);
    keep->final_in_RD = x;
    keep->final_rstd_R = final_rstd_R;
  }
  return result;
}

}  // namespace candor::trainer
