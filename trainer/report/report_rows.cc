#include "trainer/report/report_rows.h"

#include <cmath>
#include <limits>

#include <fmt/format.h>

#include "trainer/evaluation/collapse.h"

namespace candor::trainer {
namespace {

// The metrics that findings() tells of.
constexpr const char* kFound[] = {"auroc", "brier", "ece"};

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

std::string change_sentence(const MetricEntry& metric, const ReportInput& input) {
  const MetricValue before = metric_of(input.before.overall.expectation, metric.name),
                    after = metric_of(input.after.overall.expectation, metric.name);
  if (std::isnan(before.value) || std::isnan(after.value))
    return fmt::format("{} isn't defined on these examples (one class only).", metric.title);
  const bool apart = before.high < after.low || after.high < before.low;
  const bool no_interval = std::isnan(before.low) || std::isnan(after.low);
  return fmt::format("{} by expectation goes from {} to {} ({}); {}.", metric.title,
                     figure(before.value), figure(after.value),
                     is_better(metric.better, after.value, before.value)   ? "better"
                     : is_better(metric.better, before.value, after.value) ? "worse"
                                                                           : "no change",
                     no_interval ? "there are too few entities for intervals"
                     : apart     ? "the 95 % intervals don't overlap"
                                 : "the 95 % intervals overlap");
}

// Which of the metrics that findings() tells of are better than the trained model's.
std::string what_is_better(const MetricMap& other, const MetricMap& trained) {
  std::string better;
  for (const char* name : kFound) {
    const MetricEntry& metric = metric_entry(name);
    const double own = metric_of(trained, name).value, value = metric_of(other, name).value;
    if (is_better(metric.better, value, own)) {
      better += fmt::format("{}{} {} against {}", better.empty() ? "" : ", ", metric.heading,
                            figure(value), figure(own));
    }
  }
  return better;
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

std::vector<MetricEntry> report_columns() {
  std::vector<MetricEntry> columns;
  for (const MetricEntry& entry : metric_table()) {
    if (*entry.heading != '\0') columns.push_back(entry);
  }
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
  return have_collapsed(distinct_argmax_levels, metric_of(expectation, "spread").value);
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
  std::vector<std::string> sentences;
  for (const char* name : kFound) sentences.push_back(change_sentence(metric_entry(name), input));
  const EvaluationGroup& after = input.after.overall;
  const auto add_if_better = [&](const std::string& label, const MetricMap& metrics) {
    const std::string better = what_is_better(metrics, after.expectation);
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
