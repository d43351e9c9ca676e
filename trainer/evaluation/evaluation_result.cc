#include "trainer/evaluation/evaluation_result.h"

#include <cmath>
#include <set>
#include <stdexcept>

#include <fmt/format.h>

#include "trainer/evaluation/metric_table.h"

namespace candor::trainer {
namespace {

struct GradedArrays {
  std::vector<double> target, expectation, argmax, entropy, format_mass, parsed;
  std::vector<std::string> dataset, entity;
};

void check_examples(const std::vector<ScoredExample>& examples) {
  const auto fail = [](const ScoredExample& example, const std::string& what) {
    throw std::invalid_argument(fmt::format(
        "evaluate: example {} ('{}'): {}; score it again with this model and token file",
        example.example_index, example.id, what));
  };
  const auto in_unit = [](double value) {
    return value >= 0 && value <= 1 + 1e-9;
  };  // false for NaN
  bool any_graded = false;
  for (const ScoredExample& example : examples) {
    if (example.q.size() < 2 || example.q.size() != examples[0].q.size()) {
      fail(example, fmt::format("expected {} confidence levels (at least 2), got {}",
                                examples[0].q.size(), example.q.size()));
    }
    double sum = 0;
    for (const double p : example.q) {
      if (!in_unit(p))
        fail(example, fmt::format("expected probabilities of levels in [0, 1], got {}", p));
      sum += p;
    }
    if (std::abs(sum - 1) > 1e-3)
      fail(example, fmt::format("expected probabilities of levels that sum to 1, got {}", sum));
    if (!in_unit(example.format_mass))
      fail(example, fmt::format("expected a format mass in [0, 1], got {}", example.format_mass));
    if (example.argmax_level < -1 || example.argmax_level >= static_cast<int>(example.q.size())) {
      fail(example, fmt::format("expected an argmax_level from -1 to {}, got {}",
                                example.q.size() - 1, example.argmax_level));
    }
    if (example.graded && !(example.target >= 0 && example.target <= 1)) {
      fail(example, fmt::format("expected a target in [0, 1], got {}", example.target));
    }
    any_graded = any_graded || example.graded;
  }
  if (!any_graded) {
    throw std::invalid_argument(
        fmt::format("evaluate: none of {} examples is graded; grade the answers, or choose a split "
                    "that has some",
                    examples.size()));
  }
}

MetricMap measure_confidences(std::span<const double> confidence, std::span<const double> target,
                              std::span<const int64_t> dataset, std::span<const int64_t> entity,
                              const EvaluationOptions& options) {
  const std::vector<int64_t> order = order_by_confidence(confidence);
  MetricSample sample{
      .confidence = confidence, .target = target, .dataset = dataset, .order = order, .weight = {}};
  const std::vector<MetricValue> values =
      bootstrap(entity, options.bootstrap, [&](std::span<const double> weight) {
        sample.weight = weight;
        std::vector<double> figures;
        for (const MetricEntry& entry : metric_table()) figures.push_back(entry.of(sample));
        return figures;
      });
  MetricMap metrics;
  for (size_t m = 0; m < values.size(); ++m) metrics[metric_table()[m].name] = values[m];
  return metrics;
}

EvaluationGroup evaluate_group(const std::vector<const ScoredExample*>& examples,
                               const EvaluationOptions& options) {
  EvaluationGroup group;
  group.examples = static_cast<int64_t>(examples.size());
  GradedArrays arrays;
  std::set<int> levels;
  for (const ScoredExample* example : examples) {
    if (!example->graded) continue;
    const bool parsed = example->argmax_level >= 0;
    ++group.graded;
    group.unparsed += parsed ? 0 : 1;
    if (parsed) levels.insert(example->argmax_level);
    arrays.target.push_back(example->target);
    arrays.expectation.push_back(example->expectation());
    arrays.argmax.push_back(example->argmax_value());
    arrays.entropy.push_back(example->entropy());
    arrays.format_mass.push_back(example->format_mass);
    arrays.parsed.push_back(parsed ? 1 : 0);
    arrays.dataset.push_back(example->dataset);
    arrays.entity.push_back(example->entity);
  }
  group.distinct_argmax_levels = static_cast<int64_t>(levels.size());
  const std::vector<int64_t> dataset = number_names(arrays.dataset),
                             entity = number_names(arrays.entity);
  group.expectation =
      measure_confidences(arrays.expectation, arrays.target, dataset, entity, options);
  group.argmax = measure_confidences(arrays.argmax, arrays.target, dataset, entity, options);
  const std::vector<MetricValue> means =
      bootstrap(entity, options.bootstrap, [&](std::span<const double> weight) {
        return std::vector<double>{weighted_mean(arrays.entropy, weight),
                                   weighted_mean(arrays.format_mass, weight),
                                   weighted_mean(arrays.parsed, weight)};
      });
  group.distribution = {
      {"q_entropy", means[0]}, {"format_mass", means[1]}, {"parsed_share", means[2]}};
  return group;
}

}  // namespace

EvaluationTable evaluate(const std::vector<ScoredExample>& examples,
                         const EvaluationOptions& options) {
  check_examples(examples);
  std::vector<const ScoredExample*> all;
  std::map<std::string, std::vector<const ScoredExample*>> of_dataset;
  for (const ScoredExample& example : examples) {
    all.push_back(&example);
    of_dataset[example.dataset].push_back(&example);
  }
  EvaluationTable table;
  table.overall = evaluate_group(all, options);
  for (const auto& [name, members] : of_dataset)
    table.per_dataset[name] = evaluate_group(members, options);
  return table;
}

MetricMap evaluate_confidences(std::span<const double> confidence, std::span<const double> target,
                               std::span<const std::string> dataset,
                               std::span<const std::string> entity,
                               const EvaluationOptions& options) {
  if (confidence.empty() || target.size() != confidence.size() ||
      dataset.size() != confidence.size() || entity.size() != confidence.size()) {
    throw std::invalid_argument(
        fmt::format("evaluate: expected as many targets, data sets and entities as confidences and "
                    "at least one, got {}, {}, {} and {}",
                    target.size(), dataset.size(), entity.size(), confidence.size()));
  }
  for (const double c : confidence) {
    if (!(c >= 0 && c <= 1 + 1e-9))
      throw std::invalid_argument(
          fmt::format("evaluate: expected confidences in [0, 1], got {}", c));
  }
  return measure_confidences(confidence, target, number_names(dataset), number_names(entity),
                             options);
}

nlohmann::json to_json(const MetricValue& value) {
  const auto number = [](double x) {
    return std::isfinite(x) ? nlohmann::json(x) : nlohmann::json(nullptr);
  };
  return {{"value", number(value.value)}, {"low", number(value.low)}, {"high", number(value.high)}};
}

nlohmann::json to_json(const MetricMap& metrics) {
  nlohmann::json object = nlohmann::json::object();
  for (const auto& [name, value] : metrics) object[name] = to_json(value);
  return object;
}

nlohmann::json to_json(const EvaluationGroup& group) {
  return {{"examples", group.examples},
          {"graded", group.graded},
          {"unparsed", group.unparsed},
          {"distinct_argmax_levels", group.distinct_argmax_levels},
          {"expectation", to_json(group.expectation)},
          {"argmax", to_json(group.argmax)},
          {"distribution", to_json(group.distribution)}};
}

nlohmann::json to_json(const EvaluationTable& table) {
  nlohmann::json per_dataset = nlohmann::json::object();
  for (const auto& [name, group] : table.per_dataset) per_dataset[name] = to_json(group);
  return {{"overall", to_json(table.overall)}, {"per_dataset", per_dataset}};
}

}  // namespace candor::trainer
