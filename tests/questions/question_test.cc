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

TEST_F(QuestionTest, WhetherAnAnswerWasCutIsKeptWhereItIsKnown) {
  const std::string head =
      R"({"id":"a","dataset":"d","entity":"e","split":"test","question":"q?","answers":["x"],)"
      R"("response":"r","stated_confidence":"","model":"m")";
  for (const std::string flag :
       {"", R"(,"reached_max_new_tokens":true)", R"(,"reached_max_new_tokens":false)"}) {
    EXPECT_EQ(to_json_line(read_answered_questions(write(head + flag + "}"))[0]),
              head + flag + "}");
    EXPECT_EQ(to_json_line(read_graded_questions(write(head + flag + R"(,"correct":1.0})"))[0]),
              head + flag + R"(,"correct":1.0})");
  }
  try {
    read_answered_questions(write(head + R"(,"reached_max_new_tokens":"no"})"));
    ADD_FAILURE() << "nothing was thrown";
  } catch (const std::invalid_argument& error) {
    EXPECT_THAT(error.what(), AllOf(HasSubstr("reached_max_new_tokens"),
                                    HasSubstr("expected true or false, got \"no\"")));
  }
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
  EXPECT_THAT(error_of("7"), HasSubstr(".jsonl:1: expected one JSON object a line, got a number"));
  EXPECT_THAT(error_of("{"), HasSubstr(":1"));
  EXPECT_THAT(error_of(without("q?", "q\xC3?")), AllOf(HasSubstr(".jsonl:2"), HasSubstr("UTF-8")));
  EXPECT_THAT(error_of(""), HasSubstr("at least one record"));
  EXPECT_THROW(read_questions("/nowhere/q.jsonl"), std::system_error);
}

TEST_F(QuestionTest, AJsonArrayIsToldFromJsonLines) {
  for (const std::string& text : {"[" + kGood + "]", "\n [\n" + kGood + "\n]\n",
                                  "\xef\xbb\xbf[\n" + kGood + "]", std::string("[")}) {
    EXPECT_THAT(error_of(text), AllOf(HasSubstr("one JSON object a line"), HasSubstr("array"),
                                      HasSubstr("each of its elements on a line of its own")))
        << text;
  }
  EXPECT_THAT(error_of("{\n\"id\": \"a\"\n}\n"),
              AllOf(HasSubstr(".jsonl:1"), HasSubstr("each whole object on a line of its own")));
  EXPECT_THAT(
      error_of("id,question\na,q\n"),
      AllOf(HasSubstr(".jsonl:1"), HasSubstr("one JSON object a line, which begins with {")));
  EXPECT_THAT(error_of("\xef\xbb\xbf \n"), HasSubstr(".jsonl:1: not valid JSON"));
  EXPECT_THAT(error_of(kGood + "\n{"), testing::Not(HasSubstr("a line")))
      << "the lines before it were records";
}

// As some programs write it.
TEST_F(QuestionTest, MarksAndLineEndsOfOtherSystemsAreRead) {
  std::string other = kGood;
  other.replace(other.find("\"a\""), 3, "\"b\"");
  for (const std::string& text :
       {"\xef\xbb\xbf" + kGood + "\r\n\r\n" + other + "\r\n", "\n" + kGood + "\n \t\n" + other})
    EXPECT_EQ(read_questions(write(text)).size(), 2U) << text;
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
