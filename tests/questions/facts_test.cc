// The embedded facts: as many as docs/data.md says, and no split gives away what another asks.
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "data_pipeline/questions/answer_words.h"
#include "data_pipeline/questions/grading.h"
#include "data_pipeline/questions/question.h"

namespace candor::data {
namespace {

const std::vector<Question>& facts() {
  static const std::vector<Question> questions =
      read_questions(CANDOR_SOURCE_DIR "/configs/data/facts.jsonl");
  return questions;
}

TEST(Facts, EachSplitHasEnough) {
  std::map<std::string, int> in_split;
  std::map<std::string, std::set<std::string>> splits_of_dataset;
  for (const Question& fact : facts()) {
    ++in_split[fact.split];
    splits_of_dataset[fact.dataset].insert(fact.split);
  }
  EXPECT_EQ(in_split,
            (std::map<std::string, int>{{"train", 2200}, {"validation", 400}, {"test", 1000}}));
  EXPECT_EQ(splits_of_dataset.size(), 6U);
  for (const auto& [dataset, splits] : splits_of_dataset) EXPECT_EQ(splits.size(), 3U) << dataset;
}

TEST(Facts, NoEntityIsInTwoSplitsAndNothingIsAskedTwice) {
  std::map<std::string, std::string> split_of_entity;
  std::set<std::string> asked;
  for (const Question& fact : facts()) {
    EXPECT_EQ(split_of_entity.emplace(fact.entity, fact.split).first->second, fact.split)
        << fact.entity;
    EXPECT_TRUE(asked.insert(normalized_answer(fact.question)).second) << fact.question;
  }
}

// Entities are the script's word; the answers tell the same without it. Continents are the one
// answer that all splits share.
TEST(Facts, AnswersOfOneSplitAreNotThoseOfAnother) {
  std::map<std::string, std::string> split_of_answer;
  for (const Question& fact : facts()) {
    if (fact.dataset == "continent_of_country") continue;
    const std::string kind = fact.dataset.substr(
        0, fact.dataset.find('_'));  // "country" of a city and of a capital are one kind
    const std::string answer = kind + ":" + fact.answers[0];
    EXPECT_EQ(split_of_answer.emplace(answer, fact.split).first->second, fact.split) << answer;
  }
}

// What is the capital of A? and B is the capital of which country? stand on the same side, as does
// A's continent.
TEST(Facts, BothDirectionsOfAFactAreInOneSplit) {
  std::map<std::string, std::string> split_of_country;
  for (const Question& fact : facts()) {
    if (fact.dataset == "country_of_city" || fact.dataset == "country_of_capital")
      split_of_country[fact.answers[0]] = fact.split;
  }
  int linked = 0;
  for (const Question& fact : facts()) {
    if (fact.dataset != "capital_of_country" && fact.dataset != "continent_of_country") continue;
    std::string subject =
        fact.question.substr(fact.question.find(fact.dataset[1] == 'a' ? " of " : " is ") + 4);
    subject.pop_back();
    if (subject.rfind("the ", 0) == 0) subject = subject.substr(4);
    const auto country = split_of_country.find(subject);
    if (country == split_of_country.end()) continue;
    ++linked;
    EXPECT_EQ(country->second, fact.split) << fact.question;
  }
  EXPECT_GT(linked, 250);
}

TEST(Facts, NoQuestionSaysItsAnswer) {
  for (const Question& fact : facts()) {
    for (const std::string& answer : fact.answers) {
      EXPECT_EQ((" " + normalized_answer(fact.question) + " ")
                    .find(" " + normalized_answer(answer) + " "),
                std::string::npos)
          << fact.question;
    }
  }
}

TEST(Facts, EveryAcceptedAnswerIsGradedAsRight) {
  const auto grader = make_grader("alias_match");
  for (const Question& fact : facts()) {
    for (const std::string& answer : fact.answers) {
      AnsweredQuestion answered;
      static_cast<Question&>(answered) = fact;
      answered.response = answer + ".";
      EXPECT_EQ(grader->grade(answered), 1.0) << answer;
    }
  }
}

}  // namespace
}  // namespace candor::data
