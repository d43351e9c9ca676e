// An adapter on disk in PEFT's layout (adapter_model.safetensors + adapter_config.json), and the
// merged model in Hugging Face layout.
//
// Every adapter written here loads with peft.PeftModel.from_pretrained, a layer range included
// (layers_to_transform, layers_pattern).
// Throws std::system_error for the disk, std::invalid_argument naming the file, key or tensor for
// an adapter that doesn't fit the model or that uses a feature of PEFT this code doesn't compute
// (DoRA, biases, other initialisations that change the base weights).
#pragma once

#include <map>
#include <string>

#include "trainer/model/lora.h"
#include "trainer/model/model_config.h"

namespace candor::trainer {

// Makes the folder. base_model is what PEFT stores as base_model_name_or_path. Weights are written
// as fp32 (fp64 for an fp64 adapter). beside: texts of further files of the folder, by name.
void write_adapter(const std::string& folder, const LoraAdapter& adapter,
                   const std::string& base_model,
                   const std::map<std::string, std::string>& beside = {});

LoraAdapter read_adapter(const std::string& folder, const ModelConfig& config, at::ScalarType dtype,
                         at::Device device = at::kCPU);

// W + scale * B A for every adapted weight, in the dtype that the base has on disk; the other files
// of model_folder are copied. A merged model's *answers* may differ from the base model's, which
// two-pass serving avoids (docs/serving.md). Throws std::invalid_argument for an aLoRA adapter.
void write_merged_model(const std::string& folder, const std::string& model_folder,
                        const LoraAdapter& adapter);

}  // namespace candor::trainer
