// What a model may write: cutting the answer from its confidence, and every grader. First line: an accepted answer; the rest: the response.
#include "data_pipeline/questions/grading.h"
#include "data_pipeline/questions/response.h"
#include "tests/fuzz/fuzz_input.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size_bytes) {
  return candor::expecting_refusals([&] {
    const std::string text(candor::text_of(data, size_bytes));
    const std::size_t line_end = text.find('\n');
    candor::AnsweredQuestion answer;
    answer.answers = {text.substr(0, line_end)};
    if (answer.answers[0].empty()) answer.answers[0] = "42";
    answer.response = candor::cut_response(line_end == std::string::npos ? text : text.substr(line_end + 1), "\nConfidence: ");
    candor::require(answer.response.find('\n') == std::string::npos, "an answer is one line");
    candor::require(!candor::parse_stated_confidence(answer.response, 9), "no stated confidence stays in an answer");
    if (const auto stated = candor::parse_stated_confidence(text, 9)) candor::require(*stated >= 0 && *stated <= 1, "a confidence is in [0, 1]");
    for (const std::string& name : candor::grader_names()) {
      if (const auto grade = candor::make_grader(name)->grade(answer)) candor::require(*grade >= 0 && *grade <= 1, "a grade is in [0, 1]");
    }
  });
}
