// Takes the confidence that a response states out of its text, so that no stated number is graded,
// trained on or scored. It is for responses that were made elsewhere, of any number of lines;
// response.h reads what the model itself generates, and its answers come out of here unchanged but
// for confidences in sentences.
//
// Out goes, with its brackets:
//   what follows the marker's words (`prompt.marker`) or "confidence:" up to the end of the line,
//   as in response.h, but only where the words aren't part of a longer one; a sentence's part that
//   says the writer's own confidence in numbers: "I am 90% sure that", "with 80% certainty", "(95%
//   confident)", "my confidence is 0.8". One about others ("the poll has a 95% confidence
//   interval", "he was 90% sure") stays.
// A text without any stays byte for byte.
#pragma once

#include <string>
#include <string_view>

#include "data_pipeline/questions/question.h"

namespace candor::data {

struct CutResponse {
  std::string text{};
  std::string stated{};  // the first that was said; empty if none was
};

// The sentence parts alone.
CutResponse cut_said_confidence(std::string_view text);

// Both rules. `stated_confidence` is filled if it was empty. Throws std::invalid_argument, which
// names the record, if words follow a stated confidence and nothing is left of the response.
void cut_stated_confidence(AnsweredQuestion& record, std::string_view marker);

}  // namespace candor::data
