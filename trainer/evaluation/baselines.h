// What the same graded data gives without training the model: a constant, the base rate of each
// data set, maps of the base model's own confidence, and logistic probes on its hidden states.
// Fitted on validation (probes: on train, their choices on validation), measured on test.
//
// All inputs are base-model scores in example order, so every rank computes the same figures.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "trainer/evaluation/evaluation_result.h"

namespace candor::trainer {

struct ProbeInput {
  const std::vector<ScoredExample>& examples;
  const std::vector<std::vector<float>>& hidden;  // [examples][layers * width]
  std::vector<double> weight{};  // of each example when fitting; 0 leaves it out; empty: 1
};

// constant, per_relation, isotonic, temperature. Ungraded examples are left out. Throws
// std::invalid_argument if validation has no graded example.
std::map<std::string, MetricMap> post_hoc_baselines(const std::vector<ScoredExample>& validation,
                                                    const std::vector<ScoredExample>& test,
                                                    const EvaluationOptions& options);

struct ProbeBaselines {
  MetricMap last, best;
  int64_t best_layer = 0;  // counted from 1, as "after layer n"
};

// best: the layer with the lowest Brier score on validation, among every `layer_step`-th counted
// back from the last.
ProbeBaselines probe_baselines(const ProbeInput& train, const ProbeInput& validation,
                               const ProbeInput& test, int64_t layers, int64_t layer_step,
                               const EvaluationOptions& options);

}  // namespace candor::trainer
