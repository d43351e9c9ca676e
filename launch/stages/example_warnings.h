// What the user should know of a run's questions and examples though a stage can go on: a line
// each, which begins with WARNING where something is likely wrong.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "data_pipeline/questions/question.h"
#include "data_pipeline/tokens/token_data.h"
#include "launch/config/run_config.h"
#include "launch/context/text_setup.h"

namespace candor::launch {

// On stderr, each behind the stage's name.
void tell(const char* stage, const std::vector<std::string>& messages);

// Splits without a question, and what stands in several of them (split_overlap.h).
std::vector<std::string> question_warnings(const std::vector<data::Question>& questions);

// Splits whose labels are all the same, so that there is nothing to learn or to rank.
std::vector<std::string> label_warnings(const data::TokenData& data);

// Examples that are longer than max_positions of the model, if any; 0: it doesn't say.
std::vector<std::string> length_warnings(const data::TokenData& data, int64_t max_positions);
std::string positions_warning(int64_t count, size_t all, const char* what, int64_t max_positions);

// A prompt with the day in it that the config doesn't fix.
std::vector<std::string> day_warnings(const TextSetup& text);

// left_out: how many by split, at least one.
std::string left_out_message(const std::map<std::string, int64_t>& left_out, size_t all,
                             int64_t max_tokens);

}  // namespace candor::launch
