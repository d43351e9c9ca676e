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

// Confidence rows first; with lm_rows then the row before each response token, labelled with that
// token.
void choose_head_rows(const data::MicroBatch& batch, bool lm_rows, ForwardResult& result) {
  result.head_rows = batch.confidence_row_B;
  if (!lm_rows) return;
  for (const auto& [begin, end] : batch.response_rows_B) {
    for (int64_t row = begin; row < end; ++row) {
      if (row == 0) continue;
      result.head_rows.push_back(row - 1);
      result.lm_labels.push_back(batch.tokens_T[static_cast<size_t>(row)]);
    }
  }
}

}  // namespace

uint64_t dropout_key_of(uint64_t seed, int64_t step, int64_t micro_batch) {
  uint64_t z = seed;
  for (const int64_t part : {step, micro_batch}) {
    z = (z ^ static_cast<uint64_t>(part)) + 0x9e3779b97f4a7c15ULL;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    z ^= z >> 31;
  }
  return z;
}

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

void LlamaModel::plan_rows(const data::MicroBatch& batch, const std::vector<int64_t>& active_rows,
                           ForwardResult& result) const {
  const auto rows = static_cast<int64_t>(batch.tokens_T.size());
  std::vector<KeyRuns> queries = key_runs_of(batch);
  std::vector<int64_t> positions;
  for (const data::Segment& segment : batch.segments) {
    for (int64_t t = 0; t < segment.length; ++t) positions.push_back(segment.position + t);
  }
  if (!active_rows.empty()) {
    result.active_rows = at::tensor(active_rows, at::TensorOptions().dtype(at::kLong)).to(device());
    std::vector<KeyRuns> active_queries;
    std::vector<int64_t> active_positions;
    for (const int64_t row : active_rows) {
      active_queries.push_back(queries.at(static_cast<size_t>(row)));
      active_queries.back().query_row = static_cast<int64_t>(active_positions.size());
      active_positions.push_back(positions[static_cast<size_t>(row)]);
    }
    for (int64_t& row : result.head_rows)
      row = std::lower_bound(active_rows.begin(), active_rows.end(), row) - active_rows.begin();
    queries = std::move(active_queries);
    positions = std::move(active_positions);
  }
  // In the last layer only the head rows have queries: nobody reads the others.
  result.last_attention.emplace(config_, runs_of_rows(queries, result.head_rows), rows, device());
  result.attention.emplace(config_, std::move(queries), rows, device(), flash_);
  std::tie(result.cos_TJ, result.sin_TJ) = rope_tables(positions);
}

LayerActivations LlamaModel::decoder_layer(int64_t layer, const ForwardOptions& options,
                                           const ForwardResult& rows_plan, at::Tensor& x) const {
  const ModelConfig& c = config_;
  const int64_t rows = x.size(0), q_width = c.heads * c.head_size,
                kv_width = c.key_heads * c.head_size;
  const LayerWeights& w = weights_.layers[static_cast<size_t>(layer)];
  const bool last = layer + 1 == c.layers;
  LayerActivations kept;
  const double dropout = options.keep_for_backward && options.adapter != nullptr
                             ? options.adapter->options().dropout
                             : 0.0;
  const LoraCall lora{options.adapter, layer, dropout, options.dropout_key};
  const auto z_of = [&kept](LinearModule module) -> at::Tensor& {
    return kept.lora_z[static_cast<size_t>(module)];
  };

  kept.x_in = x;
  kept.h_in = rms_norm(x, w.input_norm_D, c.norm_epsilon, kept.rstd_in);
  kept.qkv = frozen_product(kept.h_in, w.qkv.t(), products_);
  if (w.qkv_bias.defined()) kept.qkv.add_(w.qkv_bias);
  add_lora(lora, LinearModule::kQ, kept.h_in, 0, kept.qkv, z_of(LinearModule::kQ));
  add_lora(lora, LinearModule::kK, kept.h_in, q_width, kept.qkv, z_of(LinearModule::kK));
  add_lora(lora, LinearModule::kV, kept.h_in, q_width + kv_width, kept.qkv, z_of(LinearModule::kV));
  kept.attention =
      last ? at::zeros({rows, q_width}, x.options()) : at::empty({rows, q_width}, x.options());
  kept.lse = at::empty({rows, c.heads}, x.options());
  rotate_heads(kept.qkv, rows_plan.cos_TJ, rows_plan.sin_TJ, c.heads + c.key_heads, c.head_size,
               +1);
  at::Tensor keys_values = kept.qkv.narrow(1, q_width, 2 * kv_width);
  if (rows_plan.active_rows.defined()) {
    kept.keys_values =
        options.base_keys_values.at(static_cast<size_t>(layer - options.first_layer));
    kept.keys_values.index_copy_(0, rows_plan.active_rows, keys_values);
    keys_values = kept.keys_values;
  }
  (last ? rows_plan.last_attention : rows_plan.attention)
      ->forward(kept.qkv.narrow(1, 0, q_width), keys_values.narrow(1, 0, kv_width),
                keys_values.narrow(1, kv_width, kv_width), kept.attention, kept.lse);
  at::Tensor attention = kept.attention;
  if (last) {
    attention = rows_of(attention, rows_plan.head_rows);
    x = rows_of(x, rows_plan.head_rows);
  }
  at::Tensor o = frozen_product(attention, w.o.t(), products_);
  if (w.o_bias.defined()) o.add_(w.o_bias);
  add_lora(lora, LinearModule::kO, attention, 0, o, z_of(LinearModule::kO));
  x = x + o;
  kept.x_mid = x;
  kept.h_mid = rms_norm(x, w.post_norm_D, c.norm_epsilon, kept.rstd_mid);
  kept.gate_up = frozen_product(kept.h_mid, w.gate_up.t(), products_);
  add_lora(lora, LinearModule::kGate, kept.h_mid, 0, kept.gate_up, z_of(LinearModule::kGate));
  add_lora(lora, LinearModule::kUp, kept.h_mid, c.mlp_width, kept.gate_up, z_of(LinearModule::kUp));
  kept.act = swiglu(kept.gate_up);
  at::Tensor down = frozen_product(kept.act, w.down.t(), products_);
  add_lora(lora, LinearModule::kDown, kept.act, 0, down, z_of(LinearModule::kDown));
  x = x + down;
  return kept;
}

BaseStates LlamaModel::base_states(const data::MicroBatch& batch, int64_t layer,
                                   bool keys_values) const {
  if (layer < 0 || layer >= config_.layers)
    throw std::invalid_argument(fmt::format("no layer {} in a model of {}", layer, config_.layers));
  ForwardResult rows_plan;
  plan_rows(batch, {}, rows_plan);
  BaseStates states;
  at::Tensor x = embed({batch.tokens_T.begin(), batch.tokens_T.end()});
  for (int64_t below = 0; below < layer; ++below) decoder_layer(below, {}, rows_plan, x);
  states.entering_TD = x;
  const int64_t q_width = config_.heads * config_.head_size,
                kv_width = config_.key_heads * config_.head_size;
  for (; keys_values && layer < config_.layers; ++layer) {
    states.keys_values.push_back(
        decoder_layer(layer, {}, rows_plan, x).qkv.narrow(1, q_width, 2 * kv_width).contiguous());
  }
  return states;
}

ForwardResult LlamaModel::forward(const data::MicroBatch& batch,
                                  const ForwardOptions& options) const {
  const ModelConfig& c = config_;
  if ((options.first_layer > 0 || !options.active_rows.empty()) &&
      (options.collect_hidden || !options.entering_TD.defined())) {
    throw std::logic_error(
        "forward from a layer above the first, or of some rows, needs what enters it, and has no "
        "hidden states of the rest");
  }
  ForwardResult result;
  choose_head_rows(batch, options.lm_rows, result);
  plan_rows(batch, options.active_rows, result);
  const int64_t keep_from = options.keep_for_backward && options.adapter != nullptr
                                ? options.adapter->options().layer_begin
                                : c.layers;
  result.layers.resize(static_cast<size_t>(c.layers));
  std::vector<at::Tensor> hidden;
  at::Tensor x = options.first_layer > 0 || result.active_rows.defined()
                     ? options.entering_TD
                     : embed({batch.tokens_T.begin(), batch.tokens_T.end()});
  if (result.active_rows.defined()) x = at::index(x, {result.active_rows});
  for (int64_t layer = options.first_layer; layer < c.layers; ++layer) {
    LayerActivations kept = decoder_layer(layer, options, result, x);
    if (options.collect_hidden && layer + 1 < c.layers)
      hidden.push_back(rows_of(x, batch.confidence_row_B));
    if (layer >= keep_from) result.layers[static_cast<size_t>(layer)] = std::move(kept);
  }
  result.final_in_RD = x;
  result.head_in_RD = rms_norm(x, weights_.final_norm_D, c.norm_epsilon, result.final_rstd_R);
  if (options.collect_hidden) {
    hidden.push_back(
        result.head_in_RD.narrow(0, 0, static_cast<int64_t>(batch.confidence_row_B.size())));
    result.hidden_LBD = at::stack(hidden);
  }
  return result;
}

}  // namespace candor::trainer
