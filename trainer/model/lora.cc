#include "trainer/model/lora.h"

#include <ATen/ATen.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "data_pipeline/tokens/splitmix64.h"

namespace candor::trainer {
namespace {

std::pair<int64_t, int64_t> in_and_out(const ModelConfig& c, LinearModule module) {
  switch (module) {
    case LinearModule::kQ: return {c.width, c.heads * c.head_size};
    case LinearModule::kK:
    case LinearModule::kV: return {c.width, c.key_heads * c.head_size};
    case LinearModule::kO: return {c.heads * c.head_size, c.width};
    case LinearModule::kGate:
    case LinearModule::kUp: return {c.width, c.mlp_width};
    case LinearModule::kDown: return {c.mlp_width, c.width};
  }
  return {0, 0};
}

// The numbers are keyed by (seed, element), so they are the same whoever draws them.
double uniform_of(uint64_t seed, uint64_t element) {
  const uint64_t z = seed * data::kSplitMix64Gamma + (element + 1) * 0xd1b54a32d192ed03ULL;
  return static_cast<double>(data::splitmix64_finalize(z) >> 11) * 0x1p-53;
}

}  // namespace

LoraAdapter::LoraAdapter(const ModelConfig& config, LoraOptions options, at::ScalarType dtype,
                         at::Device device)
    : options_(std::move(options)) {
  if (options_.layers.end < 0) options_.layers.end = config.layers;
  if (options_.rank < 1)
    throw std::invalid_argument(
        fmt::format("lora.rank: expected at least 1, got {}", options_.rank));
  if (options_.layers.begin < 0 || options_.layers.begin >= options_.layers.end ||
      options_.layers.end > config.layers) {
    throw std::invalid_argument(
        fmt::format("lora.layers: {}-{} is no range of the model's layers 0-{}",
                    options_.layers.begin, options_.layers.end - 1, config.layers - 1));
  }
  std::vector<LinearModule> modules;
  for (size_t m = 0; m < kLinearModuleNames.size(); ++m) {
    const auto times =
        std::count(options_.modules.begin(), options_.modules.end(), kLinearModuleNames[m]);
    if (times > 1)
      throw std::invalid_argument(
          fmt::format("lora.modules: {} is named twice", kLinearModuleNames[m]));
    if (times == 1) modules.push_back(static_cast<LinearModule>(m));
  }
  if (modules.empty() || modules.size() != options_.modules.size()) {
    throw std::invalid_argument(
        fmt::format("lora.modules: expected some of {}", fmt::join(linear_module_names(), ", ")));
  }
  int64_t offset = 0;
  for (int64_t layer = options_.layers.begin; layer < options_.layers.end; ++layer) {
    for (const LinearModule module : modules) {
      const auto [in, out] = in_and_out(config, module);
      entries_.push_back({layer, module, in, out, offset, offset + options_.rank * in});
      offset += options_.rank * (in + out);
    }
  }
  parameters_ = at::zeros({offset}, at::TensorOptions().dtype(dtype).device(device));
}

void LoraAdapter::initialize(uint64_t seed) {
  parameters_.zero_();
  for (const Entry& entry : entries_) {
    at::Tensor a = at::empty({options_.rank * entry.in}, at::kDouble);
    const double bound = 1.0 / std::sqrt(static_cast<double>(entry.in));
    double* values = a.mutable_data_ptr<double>();
    for (int64_t i = 0; i < a.numel(); ++i)
      values[i] = bound * (2 * uniform_of(seed, static_cast<uint64_t>(entry.a_offset + i)) - 1);
    parameters_.narrow(0, entry.a_offset, a.numel()).copy_(a);
  }
}

const LoraAdapter::Entry* LoraAdapter::find(int64_t layer, LinearModule module) const {
  for (const Entry& entry : entries_) {
    if (entry.layer == layer && entry.module == module) return &entry;
  }
  return nullptr;
}

double LoraAdapter::scale() const {
  const auto rank = static_cast<double>(options_.rank);
  return options_.alpha / (options_.rslora ? std::sqrt(rank) : rank);
}

at::Tensor LoraAdapter::a_of(const Entry& entry, const at::Tensor& flat) const {
  return flat.narrow(0, entry.a_offset, options_.rank * entry.in).view({options_.rank, entry.in});
}

at::Tensor LoraAdapter::b_of(const Entry& entry, const at::Tensor& flat) const {
  return flat.narrow(0, entry.b_offset, options_.rank * entry.out).view({entry.out, options_.rank});
}

std::vector<std::string> LoraAdapter::names() const {
  std::vector<std::string> names;
  for (const Entry& entry : entries_) {
    const char* block = entry.module <= LinearModule::kO ? "self_attn" : "mlp";
    const char* module = kLinearModuleNames[static_cast<size_t>(entry.module)];
    for (const char* part : {"lora_A", "lora_B"}) {
      names.push_back(fmt::format("base_model.model.model.layers.{}.{}.{}.{}.weight", entry.layer,
                                  block, module, part));
    }
  }
  return names;
}

std::vector<int64_t> LoraAdapter::numels() const {
  std::vector<int64_t> numels;
  for (const Entry& entry : entries_) {
    numels.push_back(options_.rank * entry.in);
    numels.push_back(options_.rank * entry.out);
  }
  return numels;
}

}  // namespace candor::trainer
