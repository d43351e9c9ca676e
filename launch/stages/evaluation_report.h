// Puts a report together from a finished evaluation: the example rows, the training curve and what
// it minimised.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "data_pipeline/tokens/token_data.h"
#include "launch/config/run_config.h"
#include "trainer/report/report.h"

namespace candor::launch {

// From metrics.jsonl; empty if there is none.
std::vector<trainer::TrainingPoint> read_training_curve(const std::string& metrics_path);

// `config` with the keys of the run's training as its config.yaml has them, where they differ; a
// note then says so, on stderr too. The same where there is no record,
// and for another adapter, of which nobody here knows how it was trained. Rank 0.
RunConfig config_of_training(const RunConfig& config, bool is_own_adapter,
                             std::vector<std::string>& notes);

// What was minimised when, for the report.
std::string objective_sentence(const RunConfig& config);

// Ten examples, spread evenly over the test set, with their questions from graded.jsonl.
std::vector<trainer::ExampleRow> choose_example_rows(
    const std::string& graded_path, const std::vector<trainer::ScoredExample>& before,
    const std::vector<trainer::ScoredExample>& after);

// Says so where graded.jsonl has test examples that the tokens, and so the report, lack.
std::optional<std::string> left_out_note(const std::string& graded_path,
                                         const data::TokenData& tokens);

}  // namespace candor::launch
