// What an evaluation needs of the examples, looked at before hours of training and scoring rather
// than after.
#pragma once

#include "data_pipeline/tokens/token_data.h"
#include "launch/config/run_config.h"

namespace candor::launch {

// Graded examples in the test split; in validation too where baselines are fitted on it, and in
// train for probes.
// Throws std::invalid_argument naming the split.
void check_evaluation_splits(const data::TokenData& data, const EvaluateSection& evaluate);

}  // namespace candor::launch
