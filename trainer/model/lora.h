// LoRA: y = W x + scale * B A dropout(x) on any subset of a layer's seven linear modules, over a
// range of decoder layers.
//
// All weights lie in one flat tensor (fp32, or fp64 for an fp64 model), so that the optimiser, the
// gradient sum and checkpoints see one array; a_of and b_of are views of it. Gradients use a flat
// tensor of the same layout, owned by the caller.
// Names are PEFT's: base_model.model.model.layers.N.<block>.<module>.lora_A.weight (rank, in),
// .lora_B.weight (out, rank).
// Source: Hu et al. 2021 (LoRA), Kalajdzievski 2023 (rsLoRA: scale alpha / sqrt(rank)), Greenewald
// et al. 2025 (activated LoRA).
#pragma once

#include <ATen/core/Tensor.h>

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "trainer/model/linear_module.h"
#include "trainer/model/lora_options.h"
#include "trainer/model/model_config.h"

namespace candor::trainer {

class LoraAdapter {
 public:
  struct Entry {
    int64_t layer;
    LinearModule module;
    int64_t in, out;
    int64_t a_offset, b_offset;  // They count elements of the flat tensors.
  };

  // Throws std::invalid_argument for an unknown or repeated module, an empty range or one beyond
  // the model.
  LoraAdapter(const ModelConfig& config, LoraOptions options, at::ScalarType dtype,
              at::Device device = at::kCPU);

  // A uniform in +-1/sqrt(in) (Kaiming with a = sqrt 5, as PEFT), B zero; a pure function of the
  // seed.
  void initialize(uint64_t seed);

  const LoraOptions& options() const { return options_; }
  const std::vector<Entry>& entries() const { return entries_; }
  const Entry* find(int64_t layer, LinearModule module) const;  // It is null where not adapted.
  double scale() const;
  at::Tensor& parameters() { return parameters_; }
  const at::Tensor& parameters() const { return parameters_; }
  at::Tensor a_of(const Entry& entry, const at::Tensor& flat) const;  // view [rank, in]
  at::Tensor b_of(const Entry& entry, const at::Tensor& flat) const;  // view [out, rank]
  // PEFT's names with the numel of each, in flat order: A then B of every entry.
  std::vector<std::string> names() const;
  std::vector<int64_t> numels() const;

 private:
  LoraOptions options_;
  std::vector<Entry> entries_;
  at::Tensor parameters_;
};

}  // namespace candor::trainer
