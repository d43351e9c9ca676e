#include "trainer/evaluation/baselines.h"

#include <functional>
#include <optional>
#include <stdexcept>

#include "trainer/evaluation/logistic_probe.h"
#include "trainer/evaluation/posthoc.h"

namespace candor::trainer {
namespace {

struct Columns {
  std::vector<double> expectation, target;
  std::vector<std::string> dataset, entity;
};

Columns graded_columns(const std::vector<ScoredExample>& examples) {
  Columns columns;
  for (const ScoredExample& example : examples) {
    if (!example.graded) continue;
    columns.expectation.push_back(example.expectation());
    columns.target.push_back(example.target);
    columns.dataset.push_back(example.dataset);
    columns.entity.push_back(example.entity);
  }
  return columns;
}

// One layer's rows of the graded examples.
struct Features {
  std::vector<float> rows;
  std::vector<double> target, weight;
};

Features layer_features(const ProbeInput& input, int64_t layer, int64_t width) {
  Features features;
  for (size_t i = 0; i < input.examples.size(); ++i) {
    if (!input.examples[i].graded || (!input.weight.empty() && input.weight[i] == 0)) continue;
    const auto begin = input.hidden[i].begin() + layer * width;
    features.rows.insert(features.rows.end(), begin, begin + width);
    features.target.push_back(input.examples[i].target);
    if (!input.weight.empty()) features.weight.push_back(input.weight[i]);
  }
  return features;
}

}  // namespace

std::map<std::string, MetricMap> post_hoc_baselines(const std::vector<ScoredExample>& validation,
                                                    const std::vector<ScoredExample>& test,
                                                    const EvaluationOptions& options) {
  const Columns fit = graded_columns(validation), apply = graded_columns(test);
  if (fit.target.empty())
    throw std::invalid_argument(
        "evaluate: the validation split has no graded example to fit the baselines on");
  const auto measured = [&](const std::function<double(size_t)>& confidence_of) {
    std::vector<double> confidence;
    for (size_t i = 0; i < apply.target.size(); ++i) confidence.push_back(confidence_of(i));
    return evaluate_confidences(confidence, apply.target, apply.dataset, apply.entity, options);
  };
  const double constant = fit_constant(fit.target);
  const BaseRates rates = fit_base_rates(fit.target, fit.dataset);
  const IsotonicMap isotonic = fit_isotonic(fit.expectation, fit.target);
  const LogitMap temperature = fit_temperature(fit.expectation, fit.target);
  return {{"constant", measured([&](size_t) { return constant; })},
          {"per_relation", measured([&](size_t i) { return rates(apply.dataset[i]); })},
          {"isotonic", measured([&](size_t i) { return isotonic(apply.expectation[i]); })},
          {"temperature", measured([&](size_t i) { return temperature(apply.expectation[i]); })}};
}

ProbeBaselines probe_baselines(const ProbeInput& train, const ProbeInput& validation,
                               const ProbeInput& test, int64_t layers, int64_t layer_step,
                               const EvaluationOptions& options) {
  if (train.hidden.empty() || test.hidden.empty())
    throw std::invalid_argument("evaluate: probes need train and test examples");
  const auto width = static_cast<int64_t>(train.hidden[0].size()) / layers;
  const Columns columns = graded_columns(test.examples);
  std::optional<ProbeSelection> best;
  ProbeBaselines result;
  for (int64_t layer = layers - 1; layer >= 0; layer -= layer_step) {
    const Features fit = layer_features(train, layer, width),
                   choose = layer_features(validation, layer, width);
    ProbeSelection selection = select_logistic_probe({fit.rows, width, fit.target, fit.weight},
                                                     {choose.rows, width, choose.target});
    const auto measured = [&] {
      return evaluate_confidences(selection.probe.predict(layer_features(test, layer, width).rows),
                                  columns.target, columns.dataset, columns.entity, options);
    };
    if (layer == layers - 1) result.last = measured();
    if (!best || selection.validation_brier < best->validation_brier) {
      result.best = measured();
      result.best_layer = layer + 1;
      best = std::move(selection);
    }
  }
  return result;
}

}  // namespace candor::trainer
