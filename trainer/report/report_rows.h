// The rows and sentences that the HTML report and the terminal table share.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "trainer/evaluation/metric_table.h"
#include "trainer/report/report.h"

namespace candor::trainer {

struct ReportRow {
  enum class Kind { kBefore, kAfter, kBaseline, kExtra };
  Kind kind = Kind::kBefore;
  std::string label;
  const MetricMap* metrics = nullptr;  // of the input, which must outlive the row
  std::optional<int64_t> distinct_argmax_levels;
  bool collapsed = false;  // said beside the number of levels
};

// Before and after by both read-outs, the baselines in a fixed order (others after them), the extra
// rows.
std::vector<ReportRow> report_rows(const ReportInput& input);

// The metrics that have a column, in the columns' order.
std::vector<MetricEntry> report_columns();

// The value called `key`, all NaN if it isn't there.
MetricValue metric_of(const MetricMap& metrics, const std::string& key);

// "0.870", "-" for NaN.
std::string figure(double value);

// What changed, whether the intervals overlap, which baselines and other recipes are better, which
// of those are collapsed: plain sentences, worst news included.
std::vector<std::string> findings(const ReportInput& input);

// By the rule of collapse.h.
bool is_collapsed(const MetricMap& expectation, int64_t distinct_argmax_levels);

// Present when the trained model is collapsed.
std::optional<std::string> collapse_warning(const EvaluationTable& after);

}  // namespace candor::trainer
