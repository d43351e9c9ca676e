// The metrics of an evaluation by name, once: what is measured, what the report calls and explains
// and which way it should go all read this table. To add one: its function (metrics.h), and its
// line here.
#pragma once

#include <string>
#include <vector>

#include "trainer/evaluation/metrics.h"

namespace candor::trainer {

enum class Better { kHigher, kLower, kNeither };

struct MetricEntry {
  const char* name;  // in report.json
  double (*of)(const MetricSample& sample);
  Better better = Better::kNeither;
  const char* heading = "";  // of its column in the report; empty: it has none
  const char* title = "";    // as sentences of the report call it
  const char* meaning = "";  // a sentence for readers who don't know the metric
};

// Those with a column come first, in the columns' order.
const std::vector<MetricEntry>& metric_table();

// Throws std::logic_error for a name that isn't in the table.
const MetricEntry& metric_entry(const std::string& name);

// Whether `a` is better than `b`; false where one of them is NaN.
bool is_better(Better better, double a, double b);

}  // namespace candor::trainer
