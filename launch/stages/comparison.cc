#include "launch/stages/comparison.h"

namespace candor::launch {
namespace {

constexpr const char* kAlora = "alora";

std::string label_of(const std::string& loss) {
  if (loss == "tokenized_brier") return "tokenized_brier from scratch (the paper's recipe)";
  return loss + " alone";
}

}  // namespace

std::vector<ComparedAdapter> compared_adapters(const RunConfig& config) {
  const RunPaths paths(config.run.dir);
  std::vector<ComparedAdapter> compared;
  for (const std::string& loss : config.compare_objectives)
    compared.push_back({loss, label_of(loss), paths.comparison(loss)});
  if (config.compare_alora) {
    compared.push_back({kAlora, "adapter from the marker on (aLoRA; not the paper's model)",
                        paths.comparison(kAlora)});
  }
  return compared;
}

RunConfig training_config(const RunConfig& config, const ComparedAdapter& compared) {
  RunConfig trained = config;
  trained.compare_objectives.clear();
  trained.compare_alora = false;
  if (compared.name == kAlora) {
    trained.lora.active_from = trainer::ActiveFrom::kConfidenceMarker;
  } else {
    trained.objective = {{.loss = trainer::loss_from_name(compared.name)}};
  }
  return trained;
}

}  // namespace candor::launch
