#include "trainer/training/validation_figures.h"

#include <set>
#include <stdexcept>

namespace candor::trainer {
namespace {

template <auto member>
double figure_of(const ValidationFigures& figures) {
  return static_cast<double>(figures.*member);
}

}  // namespace

const std::vector<ValidationEntry>& validation_table() {
  using F = ValidationFigures;
  using enum Better;
  static const std::vector<ValidationEntry> table = {
      {"tokenized_brier", figure_of<&F::tokenized_brier>, kLower, /*on_board=*/true},
      {"expectation_brier", figure_of<&F::expectation_brier>, kLower, /*on_board=*/true},
      {"argmax_brier", figure_of<&F::argmax_brier>, kLower},
      {.name = "auroc",
       .of = figure_of<&F::auroc>,
       .better = kHigher,
       .on_board = true,
       .needs_both_classes = true},
      {"expectation_ece", figure_of<&F::expectation_ece>, kLower},
      {.name = "argmax_auroc",
       .of = figure_of<&F::argmax_auroc>,
       .better = kHigher,
       .needs_both_classes = true},
      {"argmax_ece", figure_of<&F::argmax_ece>, kLower},
      {"entropy", figure_of<&F::entropy>, kNeither, /*on_board=*/true},
      {"spread", figure_of<&F::spread>, kHigher, /*on_board=*/true},
      {"format_mass", figure_of<&F::format_mass>, kHigher},
      {"distinct_levels", figure_of<&F::distinct_levels>, kHigher, /*on_board=*/true,
       /*whole=*/true}};
  return table;
}

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

}  // namespace candor::trainer
