#include "trainer/base_cache/shared_weights.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <filesystem>
#include <memory>

#include "data_pipeline/files/hash_beside.h"
#include "data_pipeline/files/safetensors.h"
#include "data_pipeline/files/sha256.h"
#include "trainer/model/stored_dtype.h"

namespace candor::trainer {
namespace {

constexpr size_t kAlignment = 64;  // at::empty's

// f(name, tensor) for every weight that such a model has.
template <typename F>
void each_weight(ModelWeights& weights, const ModelConfig& config, F&& f) {
  f("embedding", weights.embedding_VD);
  if (!config.tied_embeddings) f("head", weights.head_VD);
  f("final_norm", weights.final_norm_D);
  weights.layers.resize(static_cast<size_t>(config.layers));
  for (size_t layer = 0; layer < weights.layers.size(); ++layer) {
    LayerWeights& w = weights.layers[layer];
    const auto name = [layer](const char* part) {
      return fmt::format("layer.{:04}.{}", layer, part);
    };
    f(name("input_norm"), w.input_norm_D);
    f(name("post_norm"), w.post_norm_D);
    f(name("qkv"), w.qkv);
    f(name("o"), w.o);
    if (config.qkv_bias) f(name("qkv_bias"), w.qkv_bias);
    if (config.o_bias) f(name("o_bias"), w.o_bias);
    f(name("gate_up"), w.gate_up);
    f(name("down"), w.down);
  }
}

bool is_there(const std::string& path) {
  try {
    return data::matches_hash_beside(path) &&
           data::SafetensorsFile(path).metadata().count("format") != 0;
  } catch (const std::exception&) {  // There is none, or it is damaged: it can be made again.
    return false;
  }
}

void write(const std::string& path, ModelWeights weights, const ModelConfig& config) {
  std::vector<data::TensorSource> sources;
  each_weight(weights, config, [&](const std::string& name, const at::Tensor& tensor) {
    sources.push_back({name, stored_dtype(tensor.scalar_type()), tensor.sizes().vec(), [tensor] {
                         const auto* bytes = static_cast<const std::byte*>(tensor.const_data_ptr());
                         return std::vector<std::byte>(bytes, bytes + tensor.nbytes());
                       }});
  });
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  data::write_hash_beside(
      path, data::write_safetensors_streamed(path, std::move(sources),
                                             {{"format", "candor weights"}}, kAlignment));
}

}  // namespace

std::string shared_weights_path(const std::string& folder, const std::string& identity,
                                at::ScalarType dtype) {
  return fmt::format(
      "{}/weights_{}.safetensors", folder,
      data::sha256_hex(fmt::format("1 {} {}", identity, c10::toString(dtype))).substr(0, 24));
}

ModelWeights map_shared_weights(const std::string& model_dir, const ModelConfig& config,
                                at::ScalarType dtype, const std::string& identity,
                                const std::string& folder, comm::ProcessGroup& group) {
  const std::string path = shared_weights_path(folder, identity, dtype);
  if (group.rank_info().local_rank == 0 && !is_there(path))
    write(path, ModelWeights::load(model_dir, config, dtype, at::kCPU), config);
  group.barrier();
  const auto file = std::make_shared<data::SafetensorsFile>(path);
  ModelWeights weights;
  each_weight(weights, config, [&](const std::string& name, at::Tensor& tensor) {
    const data::TensorView& view = file->tensors().at(name);
    void* bytes = const_cast<std::byte*>(
        view.bytes.data());  // NOLINT: from_blob wants a mutable pointer; the mapping is only read
    tensor = at::from_blob(
        bytes, view.shape, [file](void*) {},
        at::TensorOptions().dtype(scalar_type_of(view.dtype, path + ": " + name)));
    if (reinterpret_cast<uintptr_t>(bytes) % kAlignment != 0) tensor = tensor.clone();
  });
  if (config.tied_embeddings) weights.head_VD = weights.embedding_VD;
  return weights;
}

}  // namespace candor::trainer
