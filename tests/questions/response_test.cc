// Where an answer ends, what confidence was stated, and when more tokens wouldn't matter.
#include "data_pipeline/questions/response.h"

#include <gtest/gtest.h>

namespace candor::data {
namespace {

const std::string kMarker = "\nConfidence: ";

std::string answer_of(const std::string& generated, const std::string& marker = kMarker) {
  return read_response(generated, marker).answer;
}

std::string stated_in(const std::string& generated, const std::string& marker = kMarker) {
  return read_response(generated, marker).stated_confidence;
}

bool is_complete(const std::string& generated, const std::string& marker = kMarker) {
  return is_complete_response(generated, marker);
}

TEST(Response, LeavesNoStatedConfidenceInTheAnswer) {
  EXPECT_EQ(answer_of(" Paris \nConfidence: 8"), "Paris");
  EXPECT_EQ(answer_of("Paris Confidence: 8"), "Paris");
  EXPECT_EQ(answer_of("\n\nParis\nIt is big"), "Paris");
  EXPECT_EQ(answer_of("Confidence: 3"), "");
  EXPECT_EQ(answer_of(""), "");
  EXPECT_EQ(answer_of("Paris CONFIDENCE: 8"), "Paris");
  EXPECT_EQ(answer_of("Paris (confidence: 90%)"), "Paris");
  EXPECT_EQ(answer_of("Paris. Sure: 8", " sure: "), "Paris.");
  EXPECT_EQ(answer_of("Paris Confidence: 8", " sure: "), "Paris") << "whatever the marker is";
  EXPECT_EQ(answer_of("f(\nx Confidence: 8"), "f(");
}

TEST(Response, TheStatedConfidenceIsTheRestOfTheLine) {
  EXPECT_EQ(stated_in("Paris\nConfidence: 8"), "8");
  EXPECT_EQ(stated_in("Paris\nConfidence: 8 \nIt is big"), "8");
  EXPECT_EQ(stated_in("Paris\nConfidence: quite high\n"), "quite high");
  EXPECT_EQ(stated_in("Paris\nConfidence: "), "");
  EXPECT_EQ(stated_in("Paris\nConfidence:\n8"), "");
  EXPECT_EQ(stated_in("Paris"), "");
  EXPECT_EQ(stated_in(""), "");
}

TEST(Response, KnowsWhenNothingMoreMatters) {
  for (const char* open : {"", "\n", "Paris", "Paris\n", "Paris\nConf", "Paris\nConfidence:",
                           "Paris\nConfidence: ", "Paris\nConfidence: 8", "\nParis", "Paris\n\n"})
    EXPECT_FALSE(is_complete(open)) << open;
  for (const char* done :
       {"Paris\nIt is", "Paris\n\n\n", "Paris\nConfidence: 8\n", "Paris\nConfidence: 100",
        "Paris\nConfidence: high", "Paris\nConfidence: 8%"})
    EXPECT_TRUE(is_complete(done)) << done;
}

// A confidence that is cut from the answer is the one that is kept as stated, and once it has
// ended no more is generated.
TEST(Response, OneRuleFindsTheStatement) {
  for (const char* text :
       {"Paris Confidence: 8\n", "Paris\nCONFIDENCE: 8\n", "Paris\nconfidence:8\n",
        "Paris (confidence: 8)", "Paris [Confidence: 8]\n", "Paris\n\nConfidence:  8\n",
        "Paris\n Confidence: 8\r\n"}) {
    EXPECT_EQ(answer_of(text), "Paris") << text;
    EXPECT_EQ(stated_in(text), "8") << text;
    EXPECT_TRUE(is_complete(text)) << text;
  }
  EXPECT_EQ(stated_in("Confidence: 3\n"), "3") << "of an empty answer";
  EXPECT_TRUE(is_complete("Confidence: 3\n"));
  EXPECT_EQ(stated_in("Paris confidence: low\nConfidence: 8"), "low") << "the first";
}

TEST(Response, TheMarkerAndConfidenceAreBothWordsOfAStatement) {
  EXPECT_EQ(stated_in("Paris. SURE: 8", " sure: "), "8");
  EXPECT_EQ(stated_in("Paris Confidence: 7", " sure: "), "7");
  EXPECT_EQ(stated_in("Paris\nConfidence: of 9: 7", "\nConfidence: of 9: "), "7") << "the longer";
  EXPECT_EQ(stated_in("Paris\nConfidence: 7", " "), "7") << "a marker without words";
  EXPECT_FALSE(is_complete("Paris\nsu", " sure: "));
  EXPECT_FALSE(is_complete("Paris\n\nSURE", " sure: "));
  EXPECT_FALSE(is_complete("Paris\nconf", " sure: "));
  EXPECT_TRUE(is_complete("Paris\nsurely", " sure: "));
}

TEST(Response, TheAnswerHasEndedWithItsLineOrAStatement) {
  for (const char* text : {"Paris\n", "\nParis\nConf", "Paris (confidence: ", "Confidence: "})
    EXPECT_TRUE(answer_has_ended(text, kMarker)) << text;
  for (const char* text : {"", "\n\n", "Par", "Paris (conf"})
    EXPECT_FALSE(answer_has_ended(text, kMarker)) << text;
}

TEST(Response, OtherBracketsStay) {
  EXPECT_EQ(stated_in("Paris Confidence: 8 (high)"), "8 (high)");
  EXPECT_EQ(answer_of("Paris (France) Confidence: 8"), "Paris (France)");
  EXPECT_EQ(stated_in("Paris (confidence: 8]"), "8]");
}

}  // namespace
}  // namespace candor::data
