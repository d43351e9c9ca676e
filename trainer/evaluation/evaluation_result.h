// Every figure of one evaluation, overall and per data set, for both read-outs of the confidence,
// with bootstrap intervals by entity.
//
// The input must be in example order and complete (gathered from all ranks): then the table has the
// same digits for any number of ranks.
// Read-outs: `expectation` is sum q_i i/N. `argmax` is the level that greedy decoding would say; an
// example whose full-vocabulary argmax is no confidence token is unparsed: it takes confidence 0,
// stays in every figure, and is counted (`unparsed`, `parsed_share`). Nothing is dropped but
// ungraded examples, which are counted too (examples - graded).
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <vector>

#include "trainer/evaluation/bootstrap.h"
#include "trainer/evaluation/scored_example.h"

namespace candor::trainer {

// By the names of metric_table.h. NaN where undefined.
using MetricMap = std::map<std::string, MetricValue>;

struct EvaluationOptions {
  BootstrapOptions bootstrap;
};

struct EvaluationGroup {
  int64_t examples = 0, graded = 0;
  int64_t unparsed = 0;                // of the graded
  int64_t distinct_argmax_levels = 0;  // of the graded and parsed
  MetricMap expectation, argmax;
  MetricMap distribution;  // q_entropy, format_mass, parsed_share: means over the graded
};

struct EvaluationTable {
  EvaluationGroup overall;
  std::map<std::string, EvaluationGroup> per_dataset;
};

// Throws std::invalid_argument naming the example for a target, q, or format mass outside [0, 1], a
// q that doesn't sum to 1, levels that differ in number, an argmax_level out of range, or no graded
// example at all.
EvaluationTable evaluate(const std::vector<ScoredExample>& examples,
                         const EvaluationOptions& options = {});

// The same figures for any confidences, such as a post-hoc map's or a probe's. All arrays [n].
MetricMap evaluate_confidences(std::span<const double> confidence, std::span<const double> target,
                               std::span<const std::string> dataset,
                               std::span<const std::string> entity,
                               const EvaluationOptions& options = {});

// {"value", "low", "high"}, null for NaN.
nlohmann::json to_json(const MetricValue& value);
nlohmann::json to_json(const MetricMap& metrics);
// {"examples", "graded", "unparsed", "distinct_argmax_levels", "expectation": {...}, "argmax":
// {...}, "distribution": {...}}
nlohmann::json to_json(const EvaluationGroup& group);
// {"overall": group, "per_dataset": {name: group}}
nlohmann::json to_json(const EvaluationTable& table);

}  // namespace candor::trainer
