// Whether an answer is right, by comparison with the accepted ones. Graders are chosen by name in
// the config, per data set where wanted.
//
// alias_match  the response is an accepted answer in other writing (answer_words.h).
// numeric      the last number, date or time of day of the response is the last of an accepted
//              answer (stated_value.h, number_reading.h, decimal_reading.h). Units and percent
//              signs are passed over on both sides: "50%" equals 50, not 0.5. Nothing is rounded.
// yes_no       the first whole word that is yes, no, true or false means what the accepted one's
//              means, so "yes and no" is yes; "not true" is no. An answer without any is wrong.
// An empty answer is wrong for every grader. docs/data.md has a table of what each calls equal.
// Source of the protocol: ConfTuner, arXiv 2508.18847.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "data_pipeline/questions/question.h"

namespace candor::data {

class Grader {
 public:
  virtual ~Grader() = default;
  // 0, 1, or a probability; none where the grader can't decide.
  virtual std::optional<double> grade(const AnsweredQuestion& answer) const = 0;
};

// Throws std::invalid_argument naming the known graders.
std::unique_ptr<Grader> make_grader(const std::string& name);
std::vector<std::string> grader_names();

}  // namespace candor::data
