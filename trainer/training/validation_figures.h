// The figures of one validation while training, and their table: what metrics.jsonl and TensorBoard
// show and what a sweep may minimise all read it. To add one: a member, its line in the table, and
// in docs/formats.md.
#pragma once

#include <cstdint>
#include <vector>

#include "trainer/evaluation/metric_table.h"
#include "trainer/evaluation/scored_example.h"

namespace candor::trainer {

struct ValidationFigures {
  double tokenized_brier = 0;  // mean over examples of sum_i q_i (y - i/N)^2: what a sampled level
                               // costs; chooses the best checkpoint
  double expectation_brier = 0;             // mean (y - E)^2
  double argmax_brier = 0;                  // by the level that greedy decoding says
  double auroc = 0;                         // of the expectation; NaN with one class
  double expectation_ece = 0;               // ten bins of equal width
  double argmax_auroc = 0, argmax_ece = 0;  // by the level that greedy decoding says
  double entropy = 0;                       // mean of q's, in nats
  double spread = 0;                        // standard deviation of E
  double format_mass = 0;
  int64_t distinct_levels = 0;  // said by argmax
};

struct ValidationEntry {
  const char* name;  // in metrics.jsonl
  double (*of)(const ValidationFigures& figures);
  Better better;                    // with kNeither it is no objective of a sweep
  bool on_board = false;            // in TensorBoard's events
  bool whole = false;               // a whole number
  bool needs_both_classes = false;  // not defined where all answers are right, or all wrong
};

// In the order in which metrics.jsonl has them.
const std::vector<ValidationEntry>& validation_table();

// Ungraded examples are left out. Throws std::invalid_argument for no graded example.
ValidationFigures validation_figures(const std::vector<ScoredExample>& examples);

}  // namespace candor::trainer
