// Puts a report together from a finished evaluation: the example rows, the training curve and what
// it minimised.
#pragma once

#include <string>
#include <vector>

#include "launch/config/run_config.h"
#include "trainer/report/report.h"

namespace candor::launch {

// From metrics.jsonl; empty if there is none.
std::vector<trainer::TrainingPoint> read_training_curve(const std::string& metrics_path);

// What was minimised when, for the report.
std::string objective_sentence(const RunConfig& config);

// Ten examples, spread evenly over the test set, with their questions from graded.jsonl.
std::vector<trainer::ExampleRow> choose_example_rows(
    const std::string& graded_path, const std::vector<trainer::ScoredExample>& before,
    const std::vector<trainer::ScoredExample>& after);

}  // namespace candor::launch
