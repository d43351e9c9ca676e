// What an adapter (lora.h) is, apart from it because a config is read without tensors.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "trainer/choices/choice_table.h"

namespace candor::trainer {

// Decoder layers [begin, end); end -1: to the last.
struct LayerRange {
  int64_t begin = 0;
  int64_t end = -1;
  bool operator==(const LayerRange&) const = default;
};

// Where in a sequence the adapter begins to act. kConfidenceMarker is aLoRA: what comes before the
// marker is the base model's.
enum class ActiveFrom { kStart, kConfidenceMarker };
template <>
inline constexpr auto kChoices<ActiveFrom> =
    std::array{Choice{ActiveFrom::kStart, "start"},
               Choice{ActiveFrom::kConfidenceMarker, "confidence_marker"}};

struct LoraOptions {
  int64_t rank = 8;
  double alpha = 32;
  double dropout = 0.05;
  bool rslora = false;
  std::vector<std::string> modules = {"q_proj", "v_proj"};
  LayerRange layers{};
  ActiveFrom active_from = ActiveFrom::kStart;
  // The confidence marker's tokens, which a model that acts from there has to know; a config
  // doesn't say them, because they follow from its prompt.
  std::vector<uint32_t> marker{};
  bool acts_from_marker() const { return active_from == ActiveFrom::kConfidenceMarker; }
  bool operator==(const LoraOptions&) const = default;
};

}  // namespace candor::trainer
