#include "trainer/evaluation/metric_table.h"

#include <stdexcept>

namespace candor::trainer {
namespace {

double mean_confidence(const MetricSample& sample) {
  return weighted_mean(sample.confidence, sample.weight);
}

}  // namespace

const std::vector<MetricEntry>& metric_table() {
  static const std::vector<MetricEntry> table = {
      {"auroc", auroc, Better::kHigher, "AUROC", "AUROC",
       "how often a right answer has a higher confidence than a wrong one; 0.5 is chance, 1 "
       "perfect"},
      {"auroc_within", auroc_within, Better::kHigher, "AUROC within relations",
       "AUROC within relations",
       "the same among questions of one relation, so that knowing the easy relations doesn't help"},
      {"brier", brier, Better::kLower, "Brier", "Brier score",
       "mean squared distance of the confidence from right (1) or wrong (0); a constant 0.5 has "
       "0.25"},
      {"ece", ece, Better::kLower, "ECE", "ECE",
       "expected calibration error: distance between confidence and share right in ten bins of "
       "equal width; a constant at the accuracy has nearly 0"},
      {"ece_equal_mass", ece_equal_mass, Better::kLower, "ECE, equal mass", "ECE, equal mass",
       "the same with ten bins of equally many examples"},
      {"nll", nll, Better::kLower, "NLL", "NLL in nats",
       "negative log-likelihood of right or wrong in nats; punishes sure errors most"},
      {"aurc", aurc, Better::kLower, "AURC", "AURC",
       "area under the risk-coverage curve: the mean share wrong when only the most confident are "
       "answered"},
      {"accuracy", accuracy},
      {"spread", spread},
      {"mean_confidence", mean_confidence}};
  return table;
}

const MetricEntry& metric_entry(const std::string& name) {
  for (const MetricEntry& entry : metric_table()) {
    if (name == entry.name) return entry;
  }
  throw std::logic_error("no metric is called " + name);
}

bool is_better(Better better, double a, double b) {
  switch (better) {
    case Better::kHigher: return a > b;
    case Better::kLower: return a < b;
    case Better::kNeither: break;
  }
  return false;
}

}  // namespace candor::trainer
