#include "trainer/training/collapse_guard.h"

#include <fmt/format.h>

#include <set>
#include <stdexcept>

#include "trainer/evaluation/metrics.h"

namespace candor::trainer {

ValidationFigures validation_figures(const std::vector<ScoredExample>& examples) {
  ValidationFigures figures;
  std::vector<double> expectation, said, target;
  std::set<int> levels;
  double count = 0;
  for (const ScoredExample& example : examples) {
    if (!example.graded) continue;
    ++count;
    const double e = example.expectation(), y = example.target,
                 top = static_cast<double>(example.q.size() - 1);
    for (size_t i = 0; i < example.q.size(); ++i) {
      const double miss = y - static_cast<double>(i) / top;
      figures.tokenized_brier += example.q[i] * miss * miss;
    }
    figures.expectation_brier += (y - e) * (y - e);
    figures.argmax_brier += (y - example.argmax_value()) * (y - example.argmax_value());
    figures.entropy += example.entropy();
    figures.format_mass += example.format_mass;
    if (example.argmax_level >= 0) levels.insert(example.argmax_level);
    expectation.push_back(e);
    said.push_back(example.argmax_value());
    target.push_back(y);
  }
  if (count == 0)
    throw std::invalid_argument(
        "validation: no graded example; add validation questions or set train.validation_examples");
  for (double* sum : {&figures.tokenized_brier, &figures.expectation_brier, &figures.argmax_brier,
                      &figures.entropy, &figures.format_mass})
    *sum /= count;
  figures.distinct_levels = static_cast<int64_t>(levels.size());
  const std::vector<int64_t> dataset(expectation.size(), 0),
      order = order_by_confidence(expectation), order_said = order_by_confidence(said);
  const MetricSample sample{.confidence = expectation,
                            .target = target,
                            .dataset = dataset,
                            .order = order,
                            .weight = {}};
  const MetricSample of_said{
      .confidence = said, .target = target, .dataset = dataset, .order = order_said, .weight = {}};
  figures.auroc = auroc(sample);
  figures.expectation_ece = ece(sample);
  figures.argmax_auroc = auroc(of_said);
  figures.argmax_ece = ece(of_said);
  figures.spread = spread(sample);
  return figures;
}

std::optional<std::string> collapse_message(const ValidationFigures& figures, double fraction_done,
                                            bool tokenized_brier_alone) {
  if (fraction_done < 0.25) return std::nullopt;
  const bool one_level = figures.distinct_levels <= 2 && figures.spread < 0.08;
  const bool stuck = figures.entropy < 0.05 && figures.spread < 0.08;
  if (!one_level && !stuck) return std::nullopt;
  return fmt::format(
      "the confidences are collapsing: {} level{} said, spread of E {:.3f}, mean entropy of q "
      "{:.3f}. {}",
      figures.distinct_levels, figures.distinct_levels == 1 ? "" : "s", figures.spread,
      figures.entropy,
      tokenized_brier_alone ? "Tokenized Brier from scratch often ends so: leave `objective` out "
                              "(the default schedule comes to tokenized Brier last)"
                            : "Try a later ramp in `objective`, all seven lora.modules, a higher "
                              "train.learning_rate or more train.max_steps");
}

}  // namespace candor::trainer
