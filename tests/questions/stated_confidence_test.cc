// Where a response from elsewhere states its confidence, and what is left of it.
#include "data_pipeline/questions/stated_confidence.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "data_pipeline/questions/response.h"

namespace candor::data {
namespace {

AnsweredQuestion cut(const std::string& response, const std::string& marker = "\nConfidence: ") {
  AnsweredQuestion record;
  record.id = "q7";
  record.response = response;
  cut_stated_confidence(record, marker);
  return record;
}

TEST(StatedConfidence, GoesOutBehindItsWords) {
  for (const char* text :
       {"Oslo. Confidence: 85%", "Oslo.\nConfidence: 85%", "Oslo.\n\nCONFIDENCE: 85%\n",
        "Oslo. **Confidence:** 85%", "Oslo. (confidence: 85%)", "Confidence: 85%\nOslo."}) {
    EXPECT_EQ(cut(text).response, "Oslo.") << text;
    EXPECT_EQ(cut(text).stated_confidence, "85%") << text;
  }
  EXPECT_EQ(cut("Oslo. Sure: 7", " sure: ").response, "Oslo.");
  EXPECT_EQ(cut("1 + 1 = 2\nFinal answer: 2\nConfidence: 9").response, "1 + 1 = 2\nFinal answer: 2")
      << "all lines of an answer stay";
  EXPECT_EQ(cut("Confidence: 7\nIt is Oslo\nConfidence: 8").response, "It is Oslo");
  EXPECT_EQ(cut("Confidence: 7\nIt is Oslo\nConfidence: 8").stated_confidence, "7");
  EXPECT_EQ(cut("Confidence: 7").response, "");
}

TEST(StatedConfidence, GoesOutOfSentences) {
  const std::vector<std::pair<std::string, std::string>> cases{
      {"I am 85% sure it is Oslo", "it is Oslo"},
      {"I'm about 85% certain that it is Oslo.", "it is Oslo."},
      {"I\xE2\x80\x99m 85 percent confident it is Oslo", "it is Oslo"},
      {"Oslo. I am 85% sure.", "Oslo."},
      {"Oslo. I am 85% confident in my answer.", "Oslo."},
      {"Oslo, 85% sure.", "Oslo."},
      {"Oslo (85% confident)", "Oslo"},
      {"Oslo - 85% confidence", "Oslo"},
      {"Oslo \xE2\x80\x93 85% sure", "Oslo"},
      {"With 85% confidence, Oslo", "Oslo"},
      {"Oslo, with a confidence of 85%.", "Oslo."},
      {"My confidence is 85%. Oslo", "Oslo"},
      {"Oslo\nConfidence level: 85%", "Oslo"},
      {"Oslo\nConfidence = 85%", "Oslo"},
      {"Oslo. Certainty: 85%", "Oslo."},
      {"85% sure: Oslo", "Oslo"},
      {"It is Oslo, I am 85% sure, in Norway", "It is Oslo, in Norway"}};
  for (const auto& [text, left] : cases) {
    EXPECT_EQ(cut(text).response, left) << text;
    EXPECT_THAT(cut(text).stated_confidence, testing::StartsWith("85")) << text;
    EXPECT_EQ(cut(cut(text).response).response, left) << text << ": a second cut";
  }
  EXPECT_EQ(cut("Oslo. My confidence is 0.85").stated_confidence, "0.85");
  EXPECT_EQ(cut("Oslo. Confidence score - 8/10").stated_confidence, "8/10");
}

TEST(StatedConfidence, OtherTextStaysByteForByte) {
  for (const char* text :
       {"Oslo", " Oslo \n", "", "85%", "The poll has a 95% confidence interval of 3",
        "He was 90% sure that it was Oslo", "I am sure it is Oslo", "We saw 85% of them",
        "She chose the 95% confidence level", "a test with 95% confidence interval",
        "at a confidence level of 95%", "I am certain. 42", "Overconfidence 5",
        "I\xC3\xA9 85% \xFF sure"})
    EXPECT_EQ(cut(text).response, text);
  EXPECT_EQ(cut("etc: 5 and so on", " c: ").response, "etc: 5 and so on")
      << "the marker's words in a longer word";
}

TEST(StatedConfidence, TheFieldIsKeptIfItIsFilled) {
  AnsweredQuestion record;
  record.response = "Oslo. Confidence: 85%";
  record.stated_confidence = "9";
  cut_stated_confidence(record, " sure: ");
  EXPECT_EQ(record.stated_confidence, "9");
  EXPECT_EQ(record.response, "Oslo.");
}

TEST(StatedConfidence, AnAnswerBehindItIsAnErrorWithTheRecord) {
  try {
    cut("Confidence: 85%. The answer is Oslo.");
    FAIL();
  } catch (const std::invalid_argument& error) {
    EXPECT_THAT(error.what(), testing::AllOf(testing::HasSubstr("\"q7\""),
                                             testing::HasSubstr("put the answer before it")));
  }
}

TEST(StatedConfidence, AnAnswersLineLosesItToo) {
  EXPECT_EQ(read_response("Oslo. I am 85% sure.\nMore", "\nC: ").answer, "Oslo.");
  EXPECT_EQ(read_response("Oslo (85% sure)\nC: 9", "\nC: ").answer, "Oslo");
  EXPECT_EQ(read_response("Oslo (85% sure)\nC: 9", "\nC: ").stated_confidence, "9");
}

}  // namespace
}  // namespace candor::data
