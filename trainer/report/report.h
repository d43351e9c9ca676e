// The proof of a run: report.html for people, report.json for scripts, a table for the terminal.
//
// report.html is one file with no outside reference: inline SVG and CSS, light and dark by the
// reader's preference. All text that comes from data
// is escaped. report.json's keys are relied on by scripts:
// overall.{before,after}.{expectation,argmax}.METRIC.{value,low,high},
// per_dataset.NAME.{before,after}..., baselines.NAME.METRIC..., extra_rows, curve.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "trainer/evaluation/evaluation_result.h"

namespace candor::trainer {

struct TrainingPoint {
  int64_t step = 0;
  double loss = 0, learning_rate = 0;
  // Present at the steps where the small validation set was scored.
  std::optional<double> validation_tokenized_brier = {}, validation_brier = {},
                        validation_auroc = {}, validation_levels = {}, validation_entropy = {},
                        validation_spread = {};
};

struct ExampleRow {
  std::string question, response;
  std::vector<std::string> answers;  // gold
  double correct = 0;
  double before_expectation = 0, after_expectation = 0;
  std::optional<double> after_argmax;  // absent: unparsed
};

// A further line of the table, e.g. another recipe trained on the same data.
struct ExtraRow {
  std::string name;               // for scripts
  std::string label;              // for people
  MetricMap expectation, argmax;  // either may be empty
  int64_t distinct_argmax_levels = 0;
};

struct ReportInput {
  std::string title;
  std::string model;          // its name, for the reader
  std::string training_note;  // which losses, one after the other
  std::string resolved_config_yaml;
  EvaluationTable before, after;
  std::vector<ScoredExample> before_examples, after_examples;  // the test examples, for the plots
  // constant, per_relation, isotonic, temperature, probe_last, probe_best: fitted on validation,
  // measured on test.
  std::map<std::string, MetricMap> baselines;
  std::vector<TrainingPoint> curve;
  std::vector<ExampleRow> examples;
  std::vector<ExtraRow> extra_rows;
  std::vector<std::string>
      notes;  // said under the summary, e.g. what the best layer of the probe was
};

// Both write atomically. Throw std::system_error naming the path.
void write_report_html(const std::string& path, const ReportInput& input);
void write_report_json(const std::string& path, const ReportInput& input);

// Plain text, fixed columns, intervals in brackets, ending in a new line.
std::string before_after_table(const ReportInput& input);

}  // namespace candor::trainer
