// Makes TokenData of graded questions: every question is put into the prompt, tokenised once, and
// cut into the shared prefix and its own suffix.
//
// A confidence that a response states is cut from it first (stated_confidence.h), by the prompt's
// marker.
// The order is kept: example i is questions[i], where none is left out. A null grade becomes
// graded = false, target = 0.
// Throws std::invalid_argument, naming the record, for no questions at all, an example longer than
// max_tokens (unless such are left out), a label outside [0, 1] or an id used twice.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "data_pipeline/prompt/prompt.h"
#include "data_pipeline/questions/question.h"
#include "data_pipeline/tokens/token_data.h"

namespace candor::data {

struct BuildOptions {
  size_t max_tokens = 2048;  // It counts prefix and suffix together.
  bool leave_out_too_long = false;
  std::string day{};             // TokenOrigin has it
  std::string model_identity{};  // It is of the model whose tokenizer and answers these are.
};

TokenData build_token_data(const std::vector<GradedQuestion>& questions,
                           const PromptBuilder& prompt, const BuildOptions& options);

}  // namespace candor::data
