// What is wrong with a run's questions, looked at before hours of answering rather than after.
#pragma once

#include <string>
#include <vector>

#include "data_pipeline/questions/question.h"
#include "launch/config/run_config.h"
#include "launch/context/text_setup.h"

namespace candor::launch {

// For a command that does all stages: each split has a question, and where train.epochs says how
// long the training is, the questions are enough for the warm-up. Reads data.questions.
// Throws std::invalid_argument.
void check_questions_of_run(const RunConfig& config);

struct QuestionsToAnswer {
  std::vector<data::Question> questions{};
  std::vector<std::string> messages{};  // what the user should know, a line each
};

// The first data.max_* of each split, in the file's order, without those that are left out as too
// long (prepare.leave_out_too_long). The same on every rank.
// Throws std::invalid_argument, naming the question, for one that is over prepare.max_tokens before
// it has an answer and isn't left out, and where none is left.
QuestionsToAnswer questions_to_answer(const RunConfig& config, const TextSetup& text);

}  // namespace candor::launch
