// JSON lines as each stage reads them: questions, answers, graded records, responses. What is
// accepted is written and read back the same.
#include "data_pipeline/questions/question.h"
#include "tests/fuzz/fuzz_input.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size_bytes) {
  const candor::data::InputFile input(data, size_bytes);
  candor::data::expecting_refusals([&] { candor::data::read_questions(input.path()); });
  candor::data::expecting_refusals([&] { candor::data::read_answered_questions(input.path()); });
  candor::data::expecting_refusals([&] { candor::data::read_responses(input.path()); });
  return candor::data::expecting_refusals([&] {
    std::string written;
    const auto records = candor::data::read_graded_questions(input.path());
    for (const candor::data::GradedQuestion& record : records)
      written += candor::data::to_json_line(record) + "\n";
    const candor::data::InputFile copy(written);
    const auto again = candor::data::read_graded_questions(copy.path());
    candor::data::require(again.size() == records.size(), "every record is written");
    for (std::size_t i = 0; i < again.size(); ++i) {
      candor::data::require(
          candor::data::to_json_line(again[i]) == candor::data::to_json_line(records[i]),
          "a record that was written reads the same");
    }
  });
}
