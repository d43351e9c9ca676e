// What stands in several splits is told with its name, its splits and how many there are.
#include "data_pipeline/questions/split_overlap.h"

#include <gmock/gmock.h>

namespace candor::data {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

Question question(const std::string& id, const std::string& entity, const std::string& split,
                  const std::string& text) {
  return {.id = id,
          .dataset = "d",
          .entity = entity,
          .split = split,
          .question = text,
          .answers = {"a"}};
}

std::vector<std::string> warnings_of(const std::vector<Question>& questions) {
  SplitOverlap overlap;
  for (const Question& one : questions) overlap.add(one);
  return overlap.warnings();
}

TEST(SplitOverlapTest, EntitiesAndTextsOfOneSplitAreFine) {
  EXPECT_THAT(warnings_of({}), IsEmpty());
  EXPECT_THAT(warnings_of({question("a", "fr", "train", "Capital of France?"),
                           question("b", "fr", "train", "Capital of France?"),
                           question("c", "it", "train", "Capital of France?"),
                           question("d", "de", "test", "Capital of Germany?")}),
              IsEmpty());
}

TEST(SplitOverlapTest, AnEntityOfSeveralSplitsIsNamed) {
  EXPECT_THAT(
      warnings_of({question("a", "fr", "train", "One?"), question("b", "fr", "test", "Two?"),
                   question("c", "fr", "train", "Three?"),
                   question("d", "it", "validation", "Four?")}),
      ElementsAre(AllOf(HasSubstr("1 entity is in several splits"), HasSubstr("\"fr\""),
                        HasSubstr("1 in test, 2 in train"))));
  EXPECT_THAT(
      warnings_of({question("a", "fr", "train", "One?"), question("b", "fr", "test", "Two?"),
                   question("c", "it", "validation", "Three?"),
                   question("d", "it", "test", "Four?")}),
      ElementsAre(HasSubstr("2 entities are in several splits")));
}

TEST(SplitOverlapTest, TheSameQuestionUnderTwoEntitiesIsNamed) {
  EXPECT_THAT(warnings_of({question("a", "fr", "train", "Capital of France?"),
                           question("b", "other", "test", " capital  of FRANCE?\n")}),
              ElementsAre(AllOf(HasSubstr("the same question is in several splits"),
                                HasSubstr("\"b\" in test and \"a\" in train"))));
}

TEST(SplitOverlapTest, AQuestionOfAnEntityOfSeveralSplitsIsToldOnce) {
  EXPECT_THAT(warnings_of({question("a", "fr", "train", "Capital of France?"),
                           question("b", "fr", "test", "Capital of France?")}),
              ElementsAre(HasSubstr("\"fr\"")));
}

}  // namespace
}  // namespace candor::data
