// What a model may write: cutting the answer from its confidence, and every grader. First line: an
// accepted answer; the rest: the response.
#include <cctype>
#include <string>

#include "data_pipeline/questions/grading.h"
#include "data_pipeline/questions/response.h"
#include "data_pipeline/questions/stated_confidence.h"
#include "tests/fuzz/fuzz_input.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size_bytes) {
  return candor::data::expecting_refusals([&] {
    const std::string text(candor::data::text_of(data, size_bytes));
    const std::size_t line_end = text.find('\n');
    candor::data::AnsweredQuestion answer;
    answer.answers = {text.substr(0, line_end)};
    if (answer.answers[0].empty()) answer.answers[0] = "42";
    const candor::data::Response response = candor::data::read_response(
        line_end == std::string::npos ? text : text.substr(line_end + 1), "\nConfidence: ");
    answer.response = response.answer;
    candor::data::require(response.stated_confidence.find('\n') == std::string::npos,
                          "a stated confidence is one line");
    candor::data::require(answer.response.find('\n') == std::string::npos, "an answer is one line");
    std::string lower = answer.response;
    for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    candor::data::require(lower.find("confidence:") == std::string::npos,
                          "no stated confidence stays in an answer");
    for (const std::string& name : candor::data::grader_names()) {
      if (const auto grade = candor::data::make_grader(name)->grade(answer))
        candor::data::require(*grade >= 0 && *grade <= 1, "a grade is in [0, 1]");
    }
    candor::data::AnsweredQuestion given = answer;
    given.response = line_end == std::string::npos ? text : text.substr(line_end + 1);
    candor::data::cut_stated_confidence(given, "\nConfidence: ");
  });
}
