#include "launch/stages/comparison.h"

namespace candor::launch {
namespace {

std::string label_of(const std::string& loss) {
  if (loss == "tokenized_brier") return "tokenized_brier from scratch (the paper's recipe)";
  return loss + " alone";
}

}  // namespace

std::vector<Comparison> comparisons_of(const RunConfig& config) {
  RunConfig same = config;
  same.compare_objectives.clear();
  same.compare_alora = false;
  std::vector<Comparison> comparisons;
  for (const std::string& loss : config.compare_objectives) {
    comparisons.push_back({loss, label_of(loss), same});
    comparisons.back().config.objective = {{.loss = loss}};
  }
  if (config.compare_alora) {
    comparisons.push_back(
        {"alora", "adapter from the marker on (aLoRA; not the paper's model)", same});
    comparisons.back().config.lora.active_from = "confidence_marker";
  }
  return comparisons;
}

}  // namespace candor::launch
