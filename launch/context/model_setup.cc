#include "launch/context/model_setup.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <filesystem>

#include "data_pipeline/files/atomic_file.h"
#include "data_pipeline/files/model_identity.h"
#include "launch/config/run_paths.h"
#include "launch/context/model_import.h"
#include "trainer/base_cache/shared_weights.h"
#include "trainer/model/adapter_files.h"

namespace candor::launch {
namespace {

data::PromptOptions prompt_options(const PromptSection& section) {
  data::PromptOptions options{.system = section.system,
                              .question_template = section.question,
                              .marker = section.marker,
                              .scale = static_cast<int>(section.scale)};
  for (const FewShotTurn& turn : section.few_shot)
    options.few_shot.push_back({turn.question, turn.answer});
  return options;
}

std::string identity_known_to_all(const ModelSection& model, comm::ProcessGroup& group) {
  std::string identity;
  if (group.rank() == 0) identity = data::model_identity(model.path);
  group.broadcast_bytes(identity, 0);
  return identity;
}

}  // namespace

TextSetup::TextSetup(const RunConfig& config)
    : tokenizer_(data::Tokenizer::from_file(config.model.path + "/tokenizer.json")),
      chat_template_(data::ChatTemplate::from_model_dir(config.model.path)),
      prompt_(tokenizer_, chat_template_, prompt_options(config.prompt)) {}

trainer::LlamaModel load_model(const ModelSection& model, comm::ProcessGroup& group) {
  const at::ScalarType dtype =
      model.dtype == "fp64" ? at::kDouble : (model.dtype == "bf16" ? at::kBFloat16 : at::kFloat);
  const trainer::Products products =
      model.products == "bf16" ? trainer::Products::kBf16 : trainer::Products::kAsActivations;
  if (model.device == "cuda")
    return trainer::LlamaModel(model.path, dtype, group.device(), products);
  if (model.shared_weights.empty())
    return trainer::LlamaModel(model.path, dtype, at::kCPU, products);
  const trainer::ModelConfig config = trainer::ModelConfig::from_model_dir(model.path);
  return trainer::LlamaModel(
      model.path,
      trainer::map_shared_weights(model.path, config, dtype, identity_known_to_all(model, group),
                                  model.shared_weights, group),
      dtype, products);
}

std::string precision_text(const ModelSection& model) { return model.dtype + " " + model.products; }

std::string agreed_model_identity(const ModelSection& model, comm::ProcessGroup& group,
                                  trainer::HostFiles& hosts) {
  ensure_model(model, group);
  hosts.send_folder(model.path, {".json", ".jinja", ".safetensors"}, "config.json");
  return identity_known_to_all(model, group);
}

trainer::LoraAdapter adapter_of_all_hosts(const std::string& folder,
                                          const trainer::LlamaModel& model,
                                          trainer::HostFiles& hosts) {
  hosts.send({folder + "/adapter_model.safetensors", folder + "/adapter_config.json"});
  return trainer::read_adapter(folder, model.config(), model.dtype(), model.device());
}

trainer::LoraOptions lora_options(const LoraSection& section) {
  return {.rank = section.rank,
          .alpha = section.alpha,
          .dropout = section.dropout,
          .rslora = section.rslora,
          .modules = section.modules,
          .layer_begin = section.layers.begin,
          .layer_end = section.layers.end};
}

data::TokenData read_run_tokens(const RunConfig& config, const TextSetup& text,
                                const std::string& identity) {
  const std::string path = RunPaths(config.run.dir).tokens();
  data::TokenData data = data::read_token_file(path);
  data::check_token_file_matches(data, path, text.prompt().tokenizer_sha256(),
                                 text.prompt().template_sha256(), text.prompt().sha256(), identity);
  return data;
}

void open_run_folder(const RunConfig& config, comm::ProcessGroup& group) {
  if (group.rank() == 0) {
    std::filesystem::create_directories(config.run.dir);
    data::write_file_atomically(RunPaths(config.run.dir).config(), to_yaml(config));
  }
  group.barrier();
}

}  // namespace candor::launch
