// Whether an answer is right, by comparison with the accepted ones. Graders are chosen by name in
// the config, per data set where wanted.
//
// alias_match  composed (NFC), lower case, punctuation to space, articles (a, an, the) removed,
// white space collapsed: equal to any accepted answer
//              as a whole. An accepted answer of punctuation only is compared as it is.
// numeric      the last number of the response equals an accepted answer's last. A number has a
// sign (right before it or its currency sign; the
//              hyphen of "10-12" is none), thousands separators, decimals, an exponent, and "3/4"
//              is a quotient. Units and percent signs are passed over on both sides: "50%" equals
//              50, not 0.5. "1 1/2" is read as its last number, 1/2.
// yes_no       the first whole word that is yes or no equals the accepted one's, so "yes and no" is
// yes; an answer without either is wrong.
// An empty answer is wrong for every grader. Source of the protocol: ConfTuner, arXiv 2508.18847.
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

// The forms that graders compare. A number beyond a double's range is NaN and so equals none.
std::string normalized_answer(std::string_view text);
std::optional<double> last_number(std::string_view text);

}  // namespace candor::data
