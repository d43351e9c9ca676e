// What the packed model computes, in a file for smollm2_peft_oracle.py. Usage:
//   model_probe MODEL_DIR ADAPTER_DIR BATCH.json fp32|fp64 OUT.safetensors
//
// BATCH.json: {prefix: [id], examples: [{suffix: [id], response: [begin, end], target}], level_ids:
// [id],
//              objectives: {name: {losses: {loss: weight}, lm_weight_per_token}}}; positions count
//              from the suffix's start.
// OUT holds, with P of shared and whole: "P.logits" [B, V], and for each objective O "P.O.loss" [1]
// and "P.O.gradient.<PEFT's name>"; all F64.
#include <ATen/ATen.h>

#include <exception>
#include <iostream>
#include <map>
#include <nlohmann/json.hpp>
#include <numeric>
#include <stdexcept>
#include <string>
#include <vector>

#include "data_pipeline/files/read_file.h"
#include "data_pipeline/files/safetensors.h"
#include "data_pipeline/tokens/micro_batch.h"
#include "data_pipeline/tokens/token_data.h"
#include "trainer/model/adapter_files.h"
#include "trainer/model/llama.h"
#include "trainer/training/micro_batch_gradient.h"

namespace candor::trainer {
namespace {

data::TokenData token_data_of(const nlohmann::json& json) {
  data::TokenData data;
  data.add_prefix(json.at("prefix").get<std::vector<uint32_t>>());
  for (const auto& example : json.at("examples")) {
    const auto suffix = example.at("suffix").get<std::vector<uint32_t>>();
    const auto response = example.at("response").get<std::vector<uint32_t>>();
    const std::string id = std::to_string(data.examples.size());
    data.add_example({.id = id,
                      .dataset = "oracle",
                      .entity = id,
                      .split = "train",
                      .prefix = 0,
                      .confidence_position = static_cast<uint32_t>(suffix.size()) - 1,
                      .marker_position = response.at(1),
                      .response_begin = response.at(0),
                      .response_end = response.at(1),
                      .target = example.at("target").get<float>(),
                      .graded = true},
                     suffix);
  }
  data.levels.ids = json.at("level_ids").get<std::vector<uint32_t>>();
  const size_t levels = data.levels.ids.size();
  for (size_t level = 0; level < levels; ++level)
    data.levels.values.push_back(static_cast<double>(level) / static_cast<double>(levels - 1));
  data::validate_token_data(data, "the probe's batch");
  return data;
}

using Results = std::map<std::string, at::Tensor>;  // contiguous fp64

void write_results(const std::string& path, const Results& results) {
  std::vector<data::NamedTensor> tensors;
  for (const auto& [name, tensor] : results) {
    tensors.push_back({name,
                       data::DType::F64,
                       tensor.sizes().vec(),
                       {static_cast<const std::byte*>(tensor.const_data_ptr()), tensor.nbytes()}});
  }
  data::write_safetensors(path, tensors);
}

void write_gradients(const std::vector<std::string>& arguments) {
  const at::ScalarType dtype = arguments.at(3) == "fp64" ? at::kDouble : at::kFloat;
  const LlamaModel model(arguments.at(0), dtype);
  const LoraAdapter adapter = read_adapter(arguments.at(1), model.config(), dtype);
  const nlohmann::json json = nlohmann::json::parse(data::read_file(arguments.at(2)));
  const data::TokenData data = token_data_of(json);
  std::vector<int64_t> examples(data.examples.size());
  std::iota(examples.begin(), examples.end(), int64_t{0});
  const std::vector<std::string> names = adapter.names();
  const std::vector<int64_t> numels = adapter.numels();

  Results results;
  for (const bool share_prefix : {true, false}) {
    const std::string packing = share_prefix ? "shared." : "whole.";
    const data::MicroBatch batch = data::make_micro_batch(data, examples, share_prefix);
    const ForwardResult forward = model.forward(batch, {.adapter = &adapter});
    results[packing + "logits"] = model.logits(forward.head_in_RD).to(at::kDouble).contiguous();
    for (const auto& [objective, parts] : json.at("objectives").items()) {
      GradientOptions options;
      for (const auto& [loss, weight] : parts.at("losses").items())
        options.losses.push_back({loss_from_name(loss), weight.get<double>()});
      options.lm_weight_per_token = parts.at("lm_weight_per_token").get<double>();
      options.level_ids = data.levels.ids;
      at::Tensor gradient = at::zeros_like(adapter.parameters());
      const double loss = add_micro_batch_gradient(model, adapter, batch, options, gradient);
      results[packing + objective + ".loss"] = at::full({1}, loss, at::kDouble);
      int64_t offset = 0;
      for (size_t i = 0; i < names.size(); ++i) {
        results[packing + objective + ".gradient." + names[i]] =
            gradient.narrow(0, offset, numels[i]).to(at::kDouble, false, true).contiguous();
        offset += numels[i];
      }
    }
  }
  write_results(arguments.at(4), results);
}

}  // namespace
}  // namespace candor::trainer

int main(int argc, char** argv) {
  if (argc != 6) {
    std::cerr << "usage: model_probe MODEL_DIR ADAPTER_DIR BATCH.json fp32|fp64 OUT.safetensors\n";
    return 2;
  }
  try {
    candor::trainer::write_gradients({argv + 1, argv + argc});
  } catch (const std::exception& error) {
    std::cerr << "model_probe: " << error.what() << '\n';
    return 1;
  }
  return 0;
}
