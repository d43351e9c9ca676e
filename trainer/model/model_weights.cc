#include "trainer/model/model_weights.h"

#include <ATen/ATen.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <stdexcept>

#include "data_pipeline/files/safetensors.h"
#include "trainer/model/stored_dtype.h"

namespace candor::trainer {
namespace {

class Reader {
 public:
  Reader(const std::string& dir, at::ScalarType matrix_dtype, at::Device device)
      : files_(dir), dir_(dir), matrix_dtype_(matrix_dtype), device_(device) {}

  at::Tensor matrix(const std::string& name, int64_t rows, int64_t columns) const {
    return read(name, {rows, columns}, matrix_dtype_);
  }
  at::Tensor vector(const std::string& name, int64_t numel) const {
    return read(name, {numel}, matrix_dtype_ == at::kDouble ? at::kDouble : at::kFloat);
  }

 private:
  at::Tensor read(const std::string& name, const std::vector<int64_t>& shape,
                  at::ScalarType dtype) const {
    if (!files_.contains(name))
      throw std::invalid_argument(fmt::format("{}: weight '{}' is missing", dir_, name));
    const data::TensorView& view = files_.at(name);
    if (view.shape != shape) {
      throw std::invalid_argument(
          fmt::format("{}: weight '{}': expected shape [{}] from config.json, got [{}]", dir_, name,
                      fmt::join(shape, ", "), fmt::join(view.shape, ", ")));
    }
    const at::TensorOptions stored =
        at::TensorOptions().dtype(scalar_type_of(view.dtype, fmt::format("weight '{}'", name)));
    // from_blob wants a mutable pointer; the mapping is only read.
    void* bytes = const_cast<std::byte*>(view.bytes.data());  // NOLINT
    return at::from_blob(bytes, shape, stored)
        .to(device_, dtype, /*non_blocking=*/false, /*copy=*/true);
  }

  data::SafetensorsModel files_;
  std::string dir_;
  at::ScalarType matrix_dtype_;
  at::Device device_;
};

}  // namespace

ModelWeights ModelWeights::load(const std::string& dir, const ModelConfig& config,
                                at::ScalarType dtype, at::Device device) {
  const Reader reader(dir, dtype, device);
  const int64_t width = config.width, q_width = config.heads * config.head_size,
                kv_width = config.key_heads * config.head_size;
  ModelWeights weights;
  weights.embedding_VD = reader.matrix("model.embed_tokens.weight", config.vocabulary, width);
  weights.head_VD = config.tied_embeddings
                        ? weights.embedding_VD
                        : reader.matrix("lm_head.weight", config.vocabulary, width);
  weights.final_norm_D = reader.vector("model.norm.weight", width);
  for (int64_t layer = 0; layer < config.layers; ++layer) {
    const std::string at_layer = fmt::format("model.layers.{}.", layer),
                      attention = at_layer + "self_attn.", mlp = at_layer + "mlp.";
    LayerWeights w;
    w.input_norm_D = reader.vector(at_layer + "input_layernorm.weight", width);
    w.post_norm_D = reader.vector(at_layer + "post_attention_layernorm.weight", width);
    w.qkv = at::cat({reader.matrix(attention + "q_proj.weight", q_width, width),
                     reader.matrix(attention + "k_proj.weight", kv_width, width),
                     reader.matrix(attention + "v_proj.weight", kv_width, width)});
    if (config.qkv_bias) {
      w.qkv_bias = at::cat({reader.vector(attention + "q_proj.bias", q_width),
                            reader.vector(attention + "k_proj.bias", kv_width),
                            reader.vector(attention + "v_proj.bias", kv_width)});
    }
    w.o = reader.matrix(attention + "o_proj.weight", width, q_width);
    if (config.o_bias) w.o_bias = reader.vector(attention + "o_proj.bias", width);
    w.gate_up = at::cat({reader.matrix(mlp + "gate_proj.weight", config.mlp_width, width),
                         reader.matrix(mlp + "up_proj.weight", config.mlp_width, width)});
    w.down = reader.matrix(mlp + "down_proj.weight", width, config.mlp_width);
    weights.layers.push_back(std::move(w));
  }
  return weights;
}

}  // namespace candor::trainer
