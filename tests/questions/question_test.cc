// Records: what is read, and the error for each thing that can be wrong with a line.
#include "data_pipeline/questions/question.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include <fstream>

namespace candor::data {
namespace {

using testing::AllOf;
using testing::HasSubstr;

const std::string kGood =
    R"({"id":"a","dataset":"d","entity":"e","split":"train","question":"q?","answers":["x","y"]})";

class QuestionTest : public testing::Test {
 protected:
  std::string write(const std::string& text) const {
    std::ofstream(path_) << text;
    return path_;
  }
  std::string error_of(const std::string& text) const {
    try {
      read_questions(write(text));
    } catch (const std::invalid_argument& error) {
      return error.what();
    }
    return "no error";
  }
  std::string path_ =
      testing::TempDir() + "/candor_questions_" + std::to_string(::getpid()) + ".jsonl";
};

TEST_F(QuestionTest, GoodLinesComeBackAsTheyWere) {
  const std::vector<Question> questions = read_questions(write(kGood + "\n"));
  ASSERT_EQ(questions.size(), 1U);
  EXPECT_EQ(to_json_line(questions[0]), kGood);
  const std::string graded =
      R"({"id":"a","dataset":"d","entity":"e","split":"test","question":"q?","answers":["x"],)"
      R"("response":"Zürich","stated_confidence":"8","model":"m","correct":)";
  for (const std::string grade : {"0.5", "null", "1.0"})
    EXPECT_EQ(to_json_line(read_graded_questions(write(graded + grade + "}\n"))[0]),
              graded + grade + "}");
  EXPECT_EQ(read_graded_questions(write(graded + "true}"))[0].correct, 1.0);
}

TEST_F(QuestionTest, WhatIsWrongIsSaidWithItsLine) {
  const auto without = [](const std::string& from, const std::string& to) {
    std::string text = kGood;
    return kGood + "\n" + text.replace(text.find(from), from.size(), to) + "\n";
  };
  EXPECT_THAT(error_of(without("\"split\":\"train\",", "")),
              AllOf(HasSubstr(".jsonl:2"), HasSubstr("\"split\" is missing")));
  EXPECT_THAT(error_of(without("\"train\"", "\"dev\"")),
              AllOf(HasSubstr(":2"), HasSubstr("train, validation or test"), HasSubstr("dev")));
  EXPECT_THAT(error_of(without("[\"x\",\"y\"]", "[]")),
              AllOf(HasSubstr(":2"), HasSubstr("at least one")));
  EXPECT_THAT(error_of(without("[\"x\",\"y\"]", "\"x\"")), HasSubstr("expected a list"));
  EXPECT_THAT(error_of(without("[\"x\",\"y\"]", "[\"\"]")), HasSubstr("aren't empty"));
  EXPECT_THAT(error_of(without("\"q?\"", "7")), AllOf(HasSubstr("\"question\""), HasSubstr("7")));
  EXPECT_THAT(error_of(without("\"id\":\"a\"", "\"id\":\"\"")), HasSubstr("\"id\" is empty"));
  EXPECT_THAT(error_of(kGood + "\n" + kGood), AllOf(HasSubstr(":2"), HasSubstr("line 1")));
  EXPECT_THAT(error_of("[1]"), HasSubstr("expected an object"));
  EXPECT_THAT(error_of("{"), HasSubstr(":1"));
  EXPECT_THAT(error_of(without("q?", "q\xC3?")), AllOf(HasSubstr(".jsonl:2"), HasSubstr("UTF-8")));
  EXPECT_THAT(error_of(""), HasSubstr("at least one record"));
  EXPECT_THROW(read_questions("/nowhere/q.jsonl"), std::system_error);
}

TEST_F(QuestionTest, GradesLieBetweenZeroAndOne) {
  const std::string head =
      R"({"id":"a","dataset":"d","split":"test","question":"q?","response":"r","correct":)";
  for (const char* grade : {"1.01", "-0.1", "\"yes\""}) {
    try {
      read_graded_questions(write(head + grade + "}"));
      ADD_FAILURE() << grade;
    } catch (const std::invalid_argument& error) {
      EXPECT_THAT(error.what(), AllOf(HasSubstr(":1"), HasSubstr("0 to 1"), HasSubstr(grade)));
    }
  }
  EXPECT_EQ(read_graded_questions(write(head + "1}"))[0].entity, "a")
      << "answers may be missing, and the entity is the question itself";
}

TEST_F(QuestionTest, ResponsesNeedOnlyQuestionAndResponse) {
  const std::string lines =
      "{\"question\":\"q\",\"response\":\"r\"}\n\n{\"question\":\"q\",\"response\":\"\"}\n";
  const std::vector<GradedQuestion> records = read_responses(write(lines));
  ASSERT_EQ(records.size(), 2U);
  EXPECT_EQ(records[0].id, "1");
  EXPECT_NE(records[1].id, records[0].id);
  EXPECT_FALSE(records[0].correct);
  EXPECT_THROW(read_responses(write("{\"question\":\"q\"}")), std::invalid_argument);
}

}  // namespace
}  // namespace candor::data
