#include "launch/commands/comparison.h"

namespace candor {

RunConfig comparison_config(const RunConfig& config, const std::string& loss) {
  RunConfig other = config;
  other.objective = {{.loss = loss}};
  other.compare_objectives.clear();
  return other;
}

std::string comparison_label(const std::string& loss) {
  if (loss == "tokenized_brier") return "tokenized_brier from scratch (the paper's recipe)";
  return loss + " alone";
}

}  // namespace candor
