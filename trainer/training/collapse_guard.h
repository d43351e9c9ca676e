// Watches, on a small validation set, whether the model still tells examples apart, and says in
// plain words when it doesn't.
//
// A constant confidence has nearly the lowest ECE, so calibration error alone can't show a
// collapse; the number of levels in use, the entropy of q and the spread of the expectation can.
// Why it happens: docs/design.md ("Why the objective is a schedule").
#pragma once

#include <optional>
#include <string>
#include <vector>

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

// Ungraded examples are left out. Throws std::invalid_argument for no graded example.
ValidationFigures validation_figures(const std::vector<ScoredExample>& examples);

// What is wrong and what to change; nothing while all is well. `fraction_done` of the run: early
// on, little spread is normal.
std::optional<std::string> collapse_message(const ValidationFigures& figures, double fraction_done,
                                            bool tokenized_brier_alone);

}  // namespace candor::trainer
