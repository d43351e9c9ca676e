#include "launch/context/base_model.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <utility>

#include "data_pipeline/chat/template_clock.h"
#include "data_pipeline/files/model_identity.h"
#include "launch/context/model_import.h"
#include "trainer/base_cache/shared_weights.h"

namespace candor::launch {
namespace {

at::ScalarType dtype_of(const ModelSection& model) {
  switch (model.dtype) {
    case WeightsDtype::kFp64: return at::kDouble;
    case WeightsDtype::kBf16: return at::kBFloat16;
    case WeightsDtype::kFp32: break;
  }
  return at::kFloat;
}

trainer::Products products_of(const ModelSection& model) {
  return model.products == ProductsChoice::kBf16 ? trainer::Products::kBf16
                                                 : trainer::Products::kAsActivations;
}

trainer::LlamaModel map_weights(const ModelSection& model, const std::string& identity,
                                comm::ProcessGroup& group) {
  const trainer::ModelConfig config = trainer::ModelConfig::from_model_dir(model.path);
  trainer::ModelWeights weights = trainer::map_shared_weights(
      model.path, config, dtype_of(model), identity, model.shared_weights, group);
  return trainer::LlamaModel(model.path, std::move(weights), dtype_of(model), products_of(model));
}

void say(const comm::ProcessGroup& group, const char* doing, const ModelSection& model) {
  if (group.rank() == 0) fmt::print(stderr, "model  {} the weights of {}\n", doing, model.path);
}

}  // namespace

const std::string& BaseModel::identity(const ModelSection& model, comm::ProcessGroup& group,
                                       trainer::HostFiles& hosts) {
  if (!identity_.empty() && identified_ == model) return identity_;
  ensure_model(model, group);
  hosts.send_folder(model.path, {".json", ".jinja", ".safetensors"}, "config.json");
  say(group, "hashing", model);
  std::string identity, texts, now;
  if (group.rank() == 0) {
    now = now_.empty() ? data::local_time_text() : now_;
    identity = data::model_identity(model.path);
    texts = data::model_texts_identity(model.path);
  }
  group.broadcast_bytes(identity, 0);
  group.broadcast_bytes(texts, 0);
  group.broadcast_bytes(now, 0);
  identity_ = identity;
  texts_identity_ = texts;
  now_ = now;
  identified_ = model;
  return identity_;
}

const std::string& BaseModel::texts_identity(const ModelSection& model, comm::ProcessGroup& group,
                                             trainer::HostFiles& hosts) {
  identity(model, group, hosts);
  return texts_identity_;
}

const trainer::LlamaModel& BaseModel::weights(const ModelSection& model, comm::ProcessGroup& group,
                                              trainer::HostFiles& hosts) {
  if (weights_ && loaded_ == model) return *weights_;
  weights_.reset();
  const std::string& known = identity(model, group, hosts);
  say(group, "loading", model);
  const bool on_gpu = model.device == DeviceChoice::kCuda;
  if (on_gpu || model.shared_weights.empty()) {
    weights_.emplace(load_weights(model, on_gpu ? group.device() : at::Device(at::kCPU)));
  } else {
    weights_.emplace(map_weights(model, known, group));
  }
  loaded_ = model;
  return *weights_;
}

const TextSetup& BaseModel::text(const ModelSection& model, const data::PromptOptions& prompt) {
  if (text_ && text_of_model_ == model && text_of_prompt_ == prompt) return *text_;
  text_ = std::make_unique<TextSetup>(model.path, prompt, now_);
  text_of_model_ = model;
  text_of_prompt_ = prompt;
  return *text_;
}

void BaseModel::forget() {
  identity_.clear();
  weights_.reset();
  text_.reset();
}

trainer::LlamaModel load_weights(const ModelSection& model, at::Device device) {
  return trainer::LlamaModel(model.path, dtype_of(model), device, products_of(model));
}

}  // namespace candor::launch
