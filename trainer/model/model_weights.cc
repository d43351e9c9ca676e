#include "trainer/model/model_weights.h"

#include <ATen/ATen.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <stdexcept>

#include "data_pipeline/files/safetensors.h"

namespace candor {
namespace {

at::ScalarType scalar_type_of(DType dtype, const std::string& name) {
  switch (dtype) {
    case DType::F64: return at::kDouble;
    case DType::F32: return at::kFloat;
    case DType::F16: return at::kHalf;
    case DType::BF16: return at::kBFloat16;
    default: throw std::invalid_argument(fmt::format("weight '{}': expected F64, F32, F16 or BF16", name));
  }
}

class Reader {
 public:
  Reader(const std::string& dir, at::ScalarType dtype) : files_(dir), dir_(dir), dtype_(dtype) {}

  at::Tensor read(const std::string& name, const std::vector<int64_t>& shape) const {
    if (!files_.contains(name)) throw std::invalid_argument(fmt::format("{}: weight '{}' is missing", dir_, name));
    const TensorView& view = files_.at(name);
    if (view.shape != shape) {
      throw std::invalid_argument(fmt::format("{}: weight '{}': expected shape [{}] from config.json, got [{}]", dir_, name, fmt::join(shape, ", "),
                                              fmt::join(view.shape, ", ")));
    }
    const at::TensorOptions stored = at::TensorOptions().dtype(scalar_type_of(view.dtype, name));
    // from_blob wants a mutable pointer; the mapping is only read.
    void* bytes = const_cast<std::byte*>(view.bytes.data());  // NOLINT
    return at::from_blob(bytes, shape, stored).to(dtype_, /*non_blocking=*/false, /*copy=*/true);
  }

 private:
  SafetensorsModel files_;
  std::string dir_;
  at::ScalarType dtype_;
};

}  // namespace

ModelWeights ModelWeights::load(const std::string& dir, const ModelConfig& config, at::ScalarType dtype) {
  const Reader reader(dir, dtype);
  const int64_t width = config.width, q_width = config.heads * config.head_size, kv_width = config.key_heads * config.head_size;
  ModelWeights weights;
  weights.embedding_VD = reader.read("model.embed_tokens.weight", {config.vocabulary, width});
  weights.head_VD = config.tied_embeddings ? weights.embedding_VD : reader.read("lm_head.weight", {config.vocabulary, width});
  weights.final_norm_D = reader.read("model.norm.weight", {width});
  for (int64_t layer = 0; layer < config.layers; ++layer) {
    const std::string at_layer = fmt::format("model.layers.{}.", layer);
    LayerWeights w;
    w.input_norm_D = reader.read(at_layer + "input_layernorm.weight", {width});
    w.post_norm_D = reader.read(at_layer + "post_attention_layernorm.weight", {width});
    w.qkv = at::cat({reader.read(at_layer + "self_attn.q_proj.weight", {q_width, width}),
                     reader.read(at_layer + "self_attn.k_proj.weight", {kv_width, width}),
                     reader.read(at_layer + "self_attn.v_proj.weight", {kv_width, width})});
    w.o = reader.read(at_layer + "self_attn.o_proj.weight", {width, q_width});
    w.gate_up = at::cat({reader.read(at_layer + "mlp.gate_proj.weight", {config.mlp_width, width}),
                         reader.read(at_layer + "mlp.up_proj.weight", {config.mlp_width, width})});
    w.down = reader.read(at_layer + "mlp.down_proj.weight", {width, config.mlp_width});
    weights.layers.push_back(std::move(w));
  }
  return weights;
}

}  // namespace candor
