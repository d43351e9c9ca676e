// What a stage tells at its end of how far its result can be relied on.
#include <gmock/gmock.h>

#include <sstream>

#include "tests/commands/tiny_run.h"

namespace candor::launch {
namespace {

using namespace testing_support;
using nlohmann::json;

class ToldCountsTest : public TinyRun {
 protected:
  std::vector<json> lines_of(const std::string& name) const {
    std::vector<json> lines;
    std::istringstream stream(text_of(at(name)));
    for (std::string line; std::getline(stream, line);) lines.push_back(json::parse(line));
    return lines;
  }
};

TEST_F(ToldCountsTest, AnswersThatWereCut) {
  const Outcome outcome = on_ranks(2, "answer " + config() + "--set answer.max_new_tokens=3");
  ASSERT_EQ(outcome.exit_code, 0) << outcome.text;
  int cut = 0;
  for (const json& line : lines_of("run/answers.jsonl"))
    cut += line.at("reached_max_new_tokens").get<bool>() ? 1 : 0;
  ASSERT_GT(cut, 0);
  EXPECT_EQ(count_of(fmt::format("answer  warning: {} of 60 answers were still going on at "
                                 "answer.max_new_tokens (3)",
                                 cut),
                     outcome.text),
            1)
      << outcome.text;
  ASSERT_EQ(alone("grade " + config()).exit_code, 0);
  const std::vector<json> answers = lines_of("run/answers.jsonl"),
                          graded = lines_of("run/graded.jsonl");
  for (size_t i = 0; i < answers.size(); ++i) {
    EXPECT_EQ(graded[i].at("reached_max_new_tokens"), answers[i].at("reached_max_new_tokens"));
    EXPECT_EQ(graded[i].at("response"), answers[i].at("response"));
  }
}

// As many examples as before, whose entity is one for all or one each.
TEST_F(ToldCountsTest, IntervalsOfFewEntities) {
  make_half_of_the_answers_right();
  for (const char* stage : {"answer ", "grade "}) ASSERT_EQ(alone(stage + config()).exit_code, 0);
  const std::vector<json> graded = lines_of("run/graded.jsonl");
  const std::string quickly = "--set evaluate.probe=false --set run.dir=";
  for (const bool one : {true, false}) {
    const std::string dir = one ? "one" : "each";
    std::filesystem::create_directory(at(dir));
    std::string lines;
    for (json line : graded) {
      if (one && line.at("split") == "test") line["entity"] = "the same";
      lines += line.dump() + "\n";
    }
    put(dir + "/graded.jsonl", lines);
    for (const char* stage : {"prepare ", "train "})
      ASSERT_EQ(alone(stage + config() + "--set run.dir=" + at(dir)).exit_code, 0);
    const Outcome outcome = alone("evaluate " + config() + quickly + at(dir));
    const std::string note = "The graded test examples are of only 1 entity";
    const json report = json::parse(text_of(at(dir + "/report.json")));
    const json& brier = report.at("overall").at("after").at("expectation").at("brier");
    EXPECT_TRUE(brier.at("value").is_number());
    EXPECT_EQ(brier.at("low").is_null(), one);
    EXPECT_EQ(brier.at("high").is_null(), one);
    EXPECT_EQ(count_of("evaluate  warning: " + note, outcome.text), one ? 1 : 0) << outcome.text;
    EXPECT_EQ(count_of(note, report.at("notes").dump()), one ? 1 : 0);
  }
}

}  // namespace
}  // namespace candor::launch
