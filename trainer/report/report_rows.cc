#include "trainer/report/report_rows.h"

#include <cmath>
#include <limits>

#include <fmt/format.h>

namespace candor::trainer {
namespace {

const std::vector<std::pair<std::string, std::string>>& baseline_labels() {
  static const std::vector<std::pair<std::string, std::string>> labels = {
      {"constant", "constant (validation mean)"},
      {"per_relation", "base rate of each relation"},
      {"isotonic", "isotonic map of the base's confidence"},
      {"temperature", "temperature map of the base's confidence"},
      {"probe_last", "probe, last hidden state"},
      {"probe_best", "probe, best layer by validation"}};
  return labels;
}

std::string label_of_baseline(const std::string& name) {
  for (const auto& [key, label] : baseline_labels()) {
    if (key == name) return label;
  }
  return name;
}

std::string levels_text(int64_t levels) {
  return levels == 1 ? "one level only" : fmt::format("{} levels", levels);
}

std::string change_sentence(const char* heading, const char* key, bool higher_is_better,
                            const ReportInput& input) {
  const MetricValue before = metric_of(input.before.overall.expectation, key),
                    after = metric_of(input.after.overall.expectation, key);
  if (std::isnan(before.value) || std::isnan(after.value))
    return fmt::format("{} isn't defined on these examples (one class only).", heading);
  const bool apart = before.high < after.low || after.high < before.low;
  const double gain = (after.value - before.value) * (higher_is_better ? 1 : -1);
  return fmt::format("{} by expectation goes from {} to {} ({}); the 95 % intervals {}.", heading,
                     figure(before.value), figure(after.value),
                     gain > 0   ? "better"
                     : gain < 0 ? "worse"
                                : "no change",
                     apart ? "don't overlap" : "overlap");
}

}  // namespace

std::vector<ReportRow> report_rows(const ReportInput& input) {
  using Kind = ReportRow::Kind;
  const EvaluationGroup &before = input.before.overall, &after = input.after.overall;
  std::vector<ReportRow> rows = {
      {Kind::kBefore, "before, expectation", &before.expectation, {}},
      {Kind::kBefore, "before, argmax", &before.argmax, before.distinct_argmax_levels},
      {Kind::kAfter, "after, expectation", &after.expectation, {}},
      {Kind::kAfter, "after, argmax", &after.argmax, after.distinct_argmax_levels,
       is_collapsed(after.expectation, after.distinct_argmax_levels)}};
  for (const auto& [name, label] : baseline_labels()) {
    const auto found = input.baselines.find(name);
    if (found != input.baselines.end())
      rows.push_back({Kind::kBaseline, label, &found->second, {}});
  }
  for (const auto& [name, metrics] : input.baselines) {
    if (label_of_baseline(name) == name) rows.push_back({Kind::kBaseline, name, &metrics, {}});
  }
  for (const ExtraRow& extra : input.extra_rows) {
    if (!extra.expectation.empty())
      rows.push_back({Kind::kExtra, extra.label + ", expectation", &extra.expectation, {}});
    if (!extra.argmax.empty()) {
      rows.push_back({Kind::kExtra, extra.label + ", argmax", &extra.argmax,
                      extra.distinct_argmax_levels,
                      is_collapsed(extra.expectation, extra.distinct_argmax_levels)});
    }
  }
  return rows;
}

const std::vector<ReportColumn>& report_columns() {
  static const std::vector<ReportColumn> columns = {
      {"auroc", "AUROC", true,
       "how often a right answer has a higher confidence than a wrong one; 0.5 is chance, 1 "
       "perfect"},
      {"auroc_within", "AUROC within relations", true,
       "the same among questions of one relation, so that knowing the easy relations doesn't help"},
      {"brier", "Brier", false,
       "mean squared distance of the confidence from right (1) or wrong (0); a constant 0.5 has "
       "0.25"},
      {"ece", "ECE", false,
       "expected calibration error: distance between confidence and share right in ten bins of "
       "equal width; a constant at the accuracy has nearly 0"},
      {"ece_equal_mass", "ECE, equal mass", false,
       "the same with ten bins of equally many examples"},
      {"nll", "NLL", false,
       "negative log-likelihood of right or wrong in nats; punishes sure errors most"},
      {"aurc", "AURC", false,
       "area under the risk-coverage curve: the mean share wrong when only the most confident are "
       "answered"}};
  return columns;
}

MetricValue metric_of(const MetricMap& metrics, const std::string& key) {
  constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
  const auto found = metrics.find(key);
  return found == metrics.end() ? MetricValue{kNone, kNone, kNone} : found->second;
}

std::string figure(double value) {
  return std::isfinite(value) ? fmt::format("{:.3f}", value) : "-";
}

bool is_collapsed(const MetricMap& expectation, int64_t distinct_argmax_levels) {
  return distinct_argmax_levels <= 2 || metric_of(expectation, "spread").value < 0.02;
}

std::optional<std::string> collapse_warning(const EvaluationTable& after) {
  const double spread = metric_of(after.overall.expectation, "spread").value;
  if (!is_collapsed(after.overall.expectation, after.overall.distinct_argmax_levels))
    return std::nullopt;
  return fmt::format(
      "Collapse: after training the model says {}, and its expectation spreads by {} only. A low "
      "ECE means nothing here. The default schedule of "
      "objectives (tokenized Brier last) or a lower learning rate may help.",
      levels_text(after.overall.distinct_argmax_levels), figure(spread));
}

std::vector<std::string> findings(const ReportInput& input) {
  std::vector<std::string> sentences = {change_sentence("AUROC", "auroc", true, input),
                                        change_sentence("Brier score", "brier", false, input),
                                        change_sentence("ECE", "ece", false, input)};
  const EvaluationGroup& after = input.after.overall;
  const auto add_if_better = [&](const std::string& label, const MetricMap& metrics) {
    std::string better;
    const auto compare = [&](const char* heading, const char* key, bool higher_is_better) {
      const double own = metric_of(after.expectation, key).value,
                   other = metric_of(metrics, key).value;
      if (higher_is_better ? other > own : other < own) {
        better += fmt::format("{}{} {} against {}", better.empty() ? "" : ", ", heading,
                              figure(other), figure(own));
      }
    };
    compare("AUROC", "auroc", true);
    compare("Brier", "brier", false);
    compare("ECE", "ece", false);
    if (!better.empty())
      sentences.push_back(
          fmt::format("Better than the trained model's expectation: {} ({}).", label, better));
  };
  for (const auto& [name, metrics] : input.baselines)
    add_if_better(label_of_baseline(name), metrics);
  for (const ExtraRow& extra : input.extra_rows) {
    add_if_better(extra.label, extra.expectation);
    if (is_collapsed(extra.expectation, extra.distinct_argmax_levels)) {
      sentences.push_back(
          fmt::format("Collapsed: {}. It says {}, and its expectation spreads by {} only; its ECE "
                      "means nothing.",
                      extra.label, levels_text(extra.distinct_argmax_levels),
                      figure(metric_of(extra.expectation, "spread").value)));
    }
  }
  sentences.push_back(
      fmt::format("{} of {} graded test examples are unparsed after training ({} before): their "
                  "full-vocabulary argmax is no confidence "
                  "token; by argmax they count as confidence 0.",
                  after.unparsed, after.graded, input.before.overall.unparsed));
  return sentences;
}

}  // namespace candor::trainer
