#include "data_pipeline/prompt/token_builder.h"

#include <gmock/gmock.h>

#include <limits>

#include "data_pipeline/prompt/prefix.h"
#include "tests/prompt/token_fixture.h"

namespace candor::data {
namespace {

using testing::HasSubstr;

size_t prefix_of(const std::vector<PromptBuilder::Scored>& examples) {
  std::vector<PrefixedSequence> sequences;
  for (const PromptBuilder::Scored& example : examples)
    sequences.push_back({example.ids, example.rows_read()});
  return common_prefix_length(sequences);
}

TEST(PrefixTest, StopsAtTheFirstDifferenceAndLeavesTheRowsThatAreRead) {
  using Scored = PromptBuilder::Scored;
  const Scored a{
      .ids = {1, 2, 3, 4, 5, 6}, .response_begin = 4, .response_end = 5, .marker_position = 5};
  const Scored b{
      .ids = {1, 2, 9, 4, 5, 6}, .response_begin = 4, .response_end = 5, .marker_position = 5};
  const Scored short_one{
      .ids = {1, 2}, .response_begin = 2, .response_end = 2, .marker_position = 2};
  EXPECT_EQ(prefix_of({}), 0U);
  EXPECT_EQ(prefix_of({a, b}), 2U);
  EXPECT_EQ(prefix_of({a, a}), 3U) << "row 3 predicts the response, so it stays in the suffix";
  EXPECT_EQ(prefix_of({a, short_one}), 1U) << "a suffix keeps a token";
  EXPECT_EQ(prefix_of({Scored{}, a}), 0U);
}

TEST(PrefixTest, LeavesEachSequenceItsOwnRows) {
  const std::vector<uint32_t> five = {1, 2, 3, 4, 5}, four = {1, 2, 3, 4}, none;
  const auto length = [](std::vector<PrefixedSequence> sequences) {
    return common_prefix_length(sequences);
  };
  EXPECT_EQ(length({{five}, {five}}), 4U);
  EXPECT_EQ(length({{five, 0}, {five, 0}}), 5U);
  EXPECT_EQ(length({{five}, {four}}), 3U);
  EXPECT_EQ(length({{four}, {five, 3}}), 2U);
  EXPECT_EQ(length({{five, 9}, {five}}), 0U) << "more than it has";
  EXPECT_EQ(length({{five}, {none}}), 0U);
}

class TokenBuilderTest : public testing::Test {
 protected:
  static GradedQuestion question(const std::string& id, const std::string& text,
                                 const std::string& response, std::optional<double> correct) {
    GradedQuestion q;
    q.id = id;
    q.dataset = "d";
    q.entity = "e-" + id;
    q.split = "train";
    q.question = text;
    q.answers = {"a"};
    q.response = response;
    q.correct = correct;
    return q;
  }
  std::string error_of(const std::vector<GradedQuestion>& questions,
                       BuildOptions options = {}) const {
    try {
      build_token_data(questions, prompt_, options);
    } catch (const std::invalid_argument& error) {
      return error.what();
    }
    return "no error";
  }
  testing_support::TemporaryFolder folder_;
  Tokenizer tokenizer_ = testing_support::tiny_tokenizer(folder_);
  ChatTemplate template_ = testing_support::chat_ml();
  PromptBuilder prompt_{tokenizer_, template_, PromptOptions{.system = "S"}};
};

TEST_F(TokenBuilderTest, NoStatedConfidenceIsTokenised) {
  const auto suffix_of = [&](const std::string& response) {
    const TokenData data = build_token_data({question("a", "Q?", response, 1.0)}, prompt_,
                                            {.max_tokens = 500, .model_identity = "tiny"});
    const auto suffix = data.suffix(0);
    return std::vector<uint32_t>(suffix.begin(), suffix.end());
  };
  EXPECT_EQ(suffix_of("Lima. Confidence: 80%"), suffix_of("Lima."));
  EXPECT_EQ(suffix_of("I am 80% sure it is Lima"), suffix_of("it is Lima"));
  EXPECT_NE(suffix_of(" Lima\n"), suffix_of("Lima")) << "other text isn't touched";
  EXPECT_THAT(error_of({question("b", "Q?", "Confidence: 80%. It is Lima", 1.0)}),
              testing::HasSubstr("question \"b\""));
}

TEST_F(TokenBuilderTest, PrefixAndSuffixTogetherAreTheWholePrompt) {
  const std::vector<GradedQuestion> questions{question("a", "Capital of Peru?", "Lima", 1.0),
                                              question("b", "Capital of Chad?", "", 0.25),
                                              question("c", "Why?", "No", std::nullopt)};
  const TokenData data =
      build_token_data(questions, prompt_, {.max_tokens = 500, .model_identity = "tiny"});
  ASSERT_EQ(data.examples.size(), 3U);
  ASSERT_EQ(data.prefixes.size(), 1U);
  EXPECT_EQ(tokenizer_.decode(data.prefixes.ids, false),
            "<|im_start|>system\nS<|im_end|>\n<|im_start|>user\n");
  for (size_t i = 0; i < questions.size(); ++i) {
    const auto scored = prompt_.scored_prompt(questions[i].question, questions[i].response);
    std::vector<uint32_t> joined = data.full_prefix(data.examples[i].prefix);
    const Example& example = data.examples[i];
    const auto suffix = data.suffix(i);
    joined.insert(joined.end(), suffix.begin(), suffix.end());
    EXPECT_EQ(joined, scored.ids);
    EXPECT_EQ(example.confidence_position + 1, suffix.size());
    EXPECT_EQ(tokenizer_.decode(suffix.subspan(example.response_begin,
                                               example.response_end - example.response_begin)),
              questions[i].response);
    EXPECT_EQ(tokenizer_.decode(suffix.subspan(example.marker_position)), prompt_.options().marker);
  }
  const auto labelled = [](bool graded, float target) {
    return testing::AllOf(testing::Field(&Example::graded, graded),
                          testing::Field(&Example::target, target));
  };
  EXPECT_THAT(data.examples, testing::ElementsAre(labelled(true, 1.0F), labelled(true, 0.25F),
                                                  labelled(false, 0.0F)));
  EXPECT_EQ(data.origin.prompt_sha256, prompt_.sha256());
  EXPECT_EQ(data.origin.tokenizer_sha256, tokenizer_.sha256());
  EXPECT_EQ(data.origin.model_identity, "tiny");
}

TEST_F(TokenBuilderTest, WhatIsTooLongIsLeftOutIfAskedFor) {
  const GradedQuestion first = question("first", "x", "y", 1.0),
                       last = question("last", "z", "y", 0.0),
                       long_one = question("long", std::string(200, 'x'), "y", 1.0),
                       longer = question("longer", std::string(300, 'x'), "y", 1.0);
  const TokenData data = build_token_data({first, long_one, last}, prompt_,
                                          {.max_tokens = 150, .leave_out_too_long = true});
  EXPECT_EQ(data, build_token_data({first, last}, prompt_, {.max_tokens = 150}));
  EXPECT_THAT(error_of({first, long_one, last, longer}, {.max_tokens = 150}),
              testing::AllOf(HasSubstr("\"long\" (record 2)"), HasSubstr("max_tokens is 150"),
                             HasSubstr("1 more"), HasSubstr("prepare.leave_out_too_long")));
  EXPECT_THAT(error_of({long_one}, {.max_tokens = 150, .leave_out_too_long = true}),
              HasSubstr("\"long\""))
      << "nothing would be left";
}

TEST_F(TokenBuilderTest, BadRecordsAreNamed) {
  const auto good = question("good", "x", "y", 1.0);
  EXPECT_THAT(error_of({}), HasSubstr("no graded questions"));
  EXPECT_THAT(
      error_of({good, question("long", std::string(100, 'x'), "y", 1.0)}, {.max_tokens = 110}),
      testing::AllOf(HasSubstr("\"long\" (record 2)"), HasSubstr("110")));
  EXPECT_THAT(error_of({good, question("high", "x", "y", 1.5)}),
              testing::AllOf(HasSubstr("\"high\" (record 2)"), HasSubstr("1.5")));
  EXPECT_THAT(error_of({question("nan", "x", "y", std::numeric_limits<double>::quiet_NaN())}),
              HasSubstr("\"nan\""));
  EXPECT_THAT(error_of({good, good}), HasSubstr("record 1"));
}

}  // namespace
}  // namespace candor::data
