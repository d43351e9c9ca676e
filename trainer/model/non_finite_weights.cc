#include "trainer/model/non_finite_weights.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <utility>
#include <vector>

namespace candor::trainer {
namespace {

using NamedWeights = std::vector<std::pair<std::string, at::Tensor>>;

NamedWeights named_weights(const LlamaModel& model) {
  const ModelWeights& weights = model.weights();
  NamedWeights named = {{"model.embed_tokens.weight", weights.embedding_VD}};
  for (size_t layer = 0; layer < weights.layers.size(); ++layer) {
    const LayerWeights& w = weights.layers[layer];
    const auto add = [&](const char* name, const at::Tensor& tensor) {
      named.emplace_back(fmt::format("model.layers.{}.{}", layer, name), tensor);
    };
    add("input_layernorm.weight", w.input_norm_D);
    add("self_attn.{q,k,v}_proj.weight", w.qkv);
    add("self_attn.{q,k,v}_proj.bias", w.qkv_bias);
    add("self_attn.o_proj.weight", w.o);
    add("self_attn.o_proj.bias", w.o_bias);
    add("post_attention_layernorm.weight", w.post_norm_D);
    add("mlp.{gate,up}_proj.weight", w.gate_up);
    add("mlp.down_proj.weight", w.down);
  }
  named.emplace_back("model.norm.weight", weights.final_norm_D);
  named.emplace_back("lm_head.weight", weights.head_VD);
  return named;
}

NamedWeights named_weights(const LoraAdapter& adapter) {
  NamedWeights named;
  const std::vector<std::string> names = adapter.names();
  const std::vector<int64_t> numels = adapter.numels();
  int64_t begin = 0;
  for (size_t n = 0; n < names.size(); begin += numels[n++])
    named.emplace_back(names[n], adapter.parameters().narrow(0, begin, numels[n]));
  return named;
}

// "in A" or "in A and 3 more tensors"; empty where all are finite.
std::string place_in(const NamedWeights& weights) {
  std::string first;
  int64_t more = 0;
  for (const auto& [name, tensor] : weights) {
    if (!tensor.defined() || tensor.isfinite().all().item<bool>()) continue;
    if (first.empty()) {
      first = name;
    } else {
      ++more;
    }
  }
  if (first.empty() || more == 0) return first;
  return fmt::format("{} and {} more tensor{}", first, more, more == 1 ? "" : "s");
}

}  // namespace

std::string non_finite_weights(const LlamaModel& model, const LoraAdapter* adapter,
                               const std::string& where_neither) {
  const std::string of_base = place_in(named_weights(model)),
                    of_adapter = adapter == nullptr ? "" : place_in(named_weights(*adapter));
  std::string text;
  if (!of_base.empty())
    text = fmt::format("the base model holds a NaN or an infinity in {}: get its files again",
                       of_base);
  if (!of_adapter.empty()) {
    text += fmt::format(
        "{}the adapter holds a NaN or an infinity in {}: take an earlier checkpoint, or train it "
        "again",
        text.empty() ? "" : "; ", of_adapter);
  }
  if (!text.empty()) return text;
  return fmt::format("{} a NaN or an infinity: {}",
                     adapter == nullptr ? "the base model itself doesn't hold"
                                        : "neither the base model nor the adapter holds",
                     where_neither);
}

}  // namespace candor::trainer
