// The rows and sentences that the HTML report and the terminal table share.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "trainer/report/report.h"

namespace candor {

struct ReportRow {
  enum class Kind { kBefore, kAfter, kBaseline, kExtra };
  Kind kind = Kind::kBefore;
  std::string label;
  const MetricMap* metrics = nullptr;  // of the input, which must outlive the row
  std::optional<int64_t> distinct_argmax_levels;
};

// Before and after by both read-outs, the baselines in a fixed order (others after them), the extra rows.
std::vector<ReportRow> report_rows(const ReportInput& input);

// {key, heading}, in column order.
const std::vector<std::pair<std::string, std::string>>& report_columns();

// The value called `key`, all NaN if it isn't there.
MetricValue metric_of(const MetricMap& metrics, const std::string& key);

// "0.870", "-" for NaN.
std::string figure(double value);

// What changed, whether the intervals overlap, which baselines are better, and a collapse if there is one: plain sentences, worst news included.
std::vector<std::string> findings(const ReportInput& input);

// Present when the trained model says nearly one confidence for everything.
std::optional<std::string> collapse_warning(const EvaluationTable& after);

}  // namespace candor
