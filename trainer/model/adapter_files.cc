#include "trainer/model/adapter_files.h"

#include <ATen/ATen.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cmath>
#include <cstring>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <stdexcept>

#include "data_pipeline/files/atomic_file.h"
#include "data_pipeline/files/jsonl.h"
#include "data_pipeline/files/read_file.h"
#include "data_pipeline/files/safetensors.h"
#include "data_pipeline/files/staged_folder.h"
#include "trainer/model/stored_dtype.h"

namespace candor::trainer {
namespace {

namespace fs = std::filesystem;
constexpr int64_t kMostLayers = 100000;  // more is damage, and would overflow when counted

std::span<const std::byte> bytes_of(const at::Tensor& tensor) {
  return {static_cast<const std::byte*>(tensor.const_data_ptr()),
          static_cast<size_t>(tensor.nbytes())};
}

at::Tensor tensor_of(const data::TensorView& view, const std::string& where) {
  at::Tensor tensor =
      at::empty(view.shape, at::TensorOptions().dtype(scalar_type_of(view.dtype, where)));
  std::memcpy(tensor.mutable_data_ptr(), view.bytes.data(), view.bytes.size());
  return tensor;
}

// Element type, shape and offset of every tensor of the adapter, in flat order.
struct Piece {
  std::string name;
  std::vector<int64_t> shape;
  int64_t offset;
};

std::vector<Piece> pieces_of(const LoraAdapter& adapter) {
  std::vector<Piece> pieces;
  const std::vector<std::string> names = adapter.names();
  for (size_t e = 0; e < adapter.entries().size(); ++e) {
    const LoraAdapter::Entry& entry = adapter.entries()[e];
    pieces.push_back({names[2 * e], {adapter.options().rank, entry.in}, entry.a_offset});
    pieces.push_back({names[2 * e + 1], {entry.out, adapter.options().rank}, entry.b_offset});
  }
  return pieces;
}

nlohmann::ordered_json config_json(const LoraAdapter& adapter, const std::string& base_model) {
  const LoraOptions& options = adapter.options();
  int64_t last_layer = 0;
  for (const LoraAdapter::Entry& entry : adapter.entries())
    last_layer = std::max(last_layer, entry.layer);
  std::vector<int64_t> layers;
  for (int64_t layer = options.layers.begin; layer <= last_layer; ++layer) layers.push_back(layer);
  nlohmann::ordered_json config;
  config["peft_type"] = "LORA";
  config["task_type"] = "CAUSAL_LM";
  config["base_model_name_or_path"] = base_model;
  config["r"] = options.rank;
  config["lora_alpha"] = options.alpha == std::floor(options.alpha)
                             ? nlohmann::ordered_json(static_cast<int64_t>(options.alpha))
                             : nlohmann::ordered_json(options.alpha);
  config["lora_dropout"] = options.dropout;
  config["use_rslora"] = options.rslora;
  config["use_dora"] = false;
  config["target_modules"] = options.modules;
  config["layers_to_transform"] = layers;
  config["layers_pattern"] = "layers";
  config["bias"] = "none";
  config["fan_in_fan_out"] = false;
  if (options.acts_from_marker()) config["alora_invocation_tokens"] = options.marker;
  config["inference_mode"] = true;
  config["init_lora_weights"] = true;
  config["modules_to_save"] = nullptr;
  return config;
}

LoraOptions options_of(const nlohmann::json& config, const std::string& path) {
  const auto fail = [&](const std::string& what) {
    throw std::invalid_argument(fmt::format("{}: {}", path, what));
  };
  if (!config.is_object()) fail("expected a JSON object");
  if (config.value("peft_type", "") != "LORA")
    fail(fmt::format("peft_type: expected LORA, got {}", config.value("peft_type", "nothing")));
  const auto is_on = [&](const char* key) {
    return config.contains(key) && config[key].is_boolean() && config[key].get<bool>();
  };
  for (const char* key : {"use_dora", "fan_in_fan_out", "lora_bias"}) {
    if (is_on(key)) fail(fmt::format("{} is set, which isn't supported", key));
  }
  if (config.value("bias", "none") != "none") fail("bias: expected none");
  if (config.contains("modules_to_save") && !config["modules_to_save"].is_null())
    fail("modules_to_save isn't supported");
  LoraOptions options;
  try {
    options.rank = config.at("r").get<int64_t>();
    options.alpha = config.at("lora_alpha").get<double>();
    options.dropout = config.value("lora_dropout", 0.0);
    options.rslora = config.value("use_rslora", false);
    if (config.contains("alora_invocation_tokens") &&
        !config["alora_invocation_tokens"].is_null()) {
      options.marker = config["alora_invocation_tokens"].get<std::vector<uint32_t>>();
      if (!options.marker.empty()) options.active_from = ActiveFrom::kConfidenceMarker;
    }
    options.modules = config.at("target_modules").get<std::vector<std::string>>();
    if (config.contains("layers_to_transform") && !config["layers_to_transform"].is_null()) {
      const nlohmann::json& chosen = config["layers_to_transform"];
      const auto layers = chosen.is_array() ? chosen.get<std::vector<int64_t>>()
                                            : std::vector<int64_t>{chosen.get<int64_t>()};
      if (layers.empty()) fail("layers_to_transform: expected at least one layer");
      const std::set<int64_t> sorted(layers.begin(), layers.end());
      if (*sorted.begin() < 0 || *sorted.rbegin() > kMostLayers)
        fail(fmt::format("layers_to_transform: expected layers in 0..{}", kMostLayers));
      options.layers.begin = *sorted.begin();
      options.layers.end = *sorted.rbegin() + 1;
      if (static_cast<int64_t>(sorted.size()) != options.layers.end - options.layers.begin)
        fail("layers_to_transform: expected layers without a gap");
    }
  } catch (const nlohmann::json::exception& error) {
    fail(fmt::format("expected r, lora_alpha and target_modules (a list) as PEFT writes them: {}",
                     error.what()));
  }
  return options;
}

}  // namespace

void write_adapter(const std::string& folder, const LoraAdapter& adapter,
                   const std::string& base_model,
                   const std::map<std::string, std::string>& beside) {
  data::StagedFolder staged(folder);
  for (const auto& [name, text] : beside) data::write_file_atomically(staged.path(name), text);
  std::vector<data::NamedTensor> tensors;
  const at::Tensor flat = adapter.parameters().cpu();
  for (const Piece& piece : pieces_of(adapter)) {
    const at::Tensor view = flat.narrow(0, piece.offset, piece.shape[0] * piece.shape[1]);
    tensors.push_back({piece.name, stored_dtype(flat.scalar_type()), piece.shape, bytes_of(view)});
  }
  data::write_safetensors(staged.path("adapter_model.safetensors"), tensors, {{"format", "pt"}});
  data::write_file_atomically(staged.path("adapter_config.json"),
                              config_json(adapter, base_model).dump(2) + "\n");
  staged.commit();
}

LoraAdapter read_adapter(const std::string& folder, const ModelConfig& config, at::ScalarType dtype,
                         at::Device device) {
  const std::string config_path = folder + "/adapter_config.json",
                    weights_path = folder + "/adapter_model.safetensors";
  LoraAdapter adapter(
      config, options_of(data::parse_json(data::read_file(config_path), config_path), config_path),
      dtype, device);
  const data::SafetensorsFile file(weights_path);
  const std::vector<Piece> pieces = pieces_of(adapter);
  for (const Piece& piece : pieces) {
    const auto found = file.tensors().find(piece.name);
    if (found == file.tensors().end())
      throw std::invalid_argument(
          fmt::format("{}: tensor {} is missing", weights_path, piece.name));
    if (found->second.shape != piece.shape) {
      throw std::invalid_argument(fmt::format(
          "{}: tensor {}: expected shape [{}], got [{}]: is this another model's adapter?",
          weights_path, piece.name, fmt::join(piece.shape, ", "),
          fmt::join(found->second.shape, ", ")));
    }
    adapter.parameters()
        .narrow(0, piece.offset, piece.shape[0] * piece.shape[1])
        .copy_(tensor_of(found->second, weights_path + ": " + piece.name).flatten());
  }
  if (file.tensors().size() != pieces.size()) {
    throw std::invalid_argument(
        fmt::format("{}: expected the {} tensors that adapter_config.json implies, got {}",
                    weights_path, pieces.size(), file.tensors().size()));
  }
  return adapter;
}

void write_merged_model(const std::string& folder, const std::string& model_folder,
                        const LoraAdapter& adapter) {
  if (adapter.options().acts_from_marker()) {
    throw std::invalid_argument(
        "an adapter that acts from the confidence marker on can't be merged: merged weights act on "
        "every token");
  }
  const data::SafetensorsModel model(model_folder);
  std::map<std::string, const LoraAdapter::Entry*> entry_of;
  const std::vector<std::string> names = adapter.names();
  for (size_t e = 0; e < adapter.entries().size(); ++e) {
    std::string name = names[2 * e].substr(std::strlen("base_model.model."));
    name.replace(name.find(".lora_A.weight"), std::string::npos, ".weight");
    entry_of[name] = &adapter.entries()[e];
  }
  std::vector<data::TensorSource> sources;
  for (const std::string& name : model.names()) {
    const data::TensorView& view = model.at(name);
    const auto found = entry_of.find(name);
    const LoraAdapter::Entry* entry = found == entry_of.end() ? nullptr : found->second;
    sources.push_back({name, view.dtype, view.shape, [&view, entry, &adapter, name] {
                         if (entry == nullptr)
                           return std::vector<std::byte>(view.bytes.begin(), view.bytes.end());
                         // In fp64, rounded once to the stored dtype.
                         const at::Tensor base = tensor_of(view, name);
                         const at::Tensor& flat = adapter.parameters();
                         const at::Tensor delta = at::mm(adapter.b_of(*entry, flat).to(at::kDouble),
                                                         adapter.a_of(*entry, flat).to(at::kDouble))
                                                      .mul_(adapter.scale());
                         const at::Tensor merged =
                             base.to(at::kDouble).add_(delta).to(base.scalar_type()).contiguous();
                         const std::span<const std::byte> bytes = bytes_of(merged);
                         return std::vector<std::byte>(bytes.begin(), bytes.end());
                       }});
  }
  data::StagedFolder staged(folder);
  data::write_safetensors_streamed(staged.path("model.safetensors"), std::move(sources),
                                   {{"format", "pt"}});
  for (const fs::directory_entry& file : fs::directory_iterator(model_folder)) {
    const std::string name = file.path().filename().string();
    const bool is_weights =
        name.ends_with(".safetensors") || name == "model.safetensors.index.json";
    if (!file.is_regular_file() || is_weights || name == "config.json" || name[0] == '.') continue;
    data::write_file_atomically(staged.path(name), data::read_file(file.path().string()));
  }
  data::write_file_atomically(staged.path("config.json"),
                              data::read_file(model_folder + "/config.json"));
  staged.commit();
}

}  // namespace candor::trainer
