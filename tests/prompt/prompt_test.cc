#include "data_pipeline/prompt/prompt.h"

#include <gmock/gmock.h>

#include "tests/prompt/token_fixture.h"

namespace candor::data {
namespace {

using testing::HasSubstr;
using testing_support::chat_ml;
using testing_support::TemporaryFolder;
using testing_support::tiny_tokenizer;

class PromptTest : public testing::Test {
 protected:
  PromptOptions options() const {
    return {.system = "Be brief.",
            .few_shot = {{"2+2?", "4\nConfidence: 9"}},
            .question_template = "Q: {question}"};
  }
  template <class Action>
  static std::string error_of(Action action) {
    try {
      action();
    } catch (const std::invalid_argument& error) {
      return error.what();
    }
    return "no error";
  }
  TemporaryFolder folder_;
  Tokenizer tokenizer_ = tiny_tokenizer(folder_);
  ChatTemplate template_ = chat_ml();
};

TEST_F(PromptTest, TextIsTheTemplateOfAllTurns) {
  const PromptBuilder prompt(tokenizer_, template_, options());
  EXPECT_EQ(prompt.answer_prompt("Who says {question}?"),
            "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nQ: "
            "2+2?<|im_end|>\n<|im_start|>assistant\n4\nConfidence: 9<|im_end|>\n"
            "<|im_start|>user\nQ: Who says {question}?<|im_end|>\n<|im_start|>assistant\n");
}

TEST_F(PromptTest, ScoredPromptMarksResponseAndMarker) {
  const PromptBuilder prompt(tokenizer_, template_, options());
  const auto scored = prompt.scored_prompt("é?", "Zoë");
  const std::string text = prompt.answer_prompt("é?") + "Zoë" + prompt.options().marker;
  EXPECT_EQ(scored.ids, tokenizer_.encode(text));
  EXPECT_EQ(tokenizer_.decode(
                std::span(scored.ids)
                    .subspan(scored.response_begin, scored.response_end - scored.response_begin)),
            "Zoë");
  EXPECT_EQ(tokenizer_.decode(std::span(scored.ids).subspan(scored.marker_position)),
            "\nConfidence: ");
  EXPECT_EQ(tokenizer_.decode(std::span(scored.ids).first(scored.response_begin), false),
            prompt.answer_prompt("é?"));
}

TEST_F(PromptTest, EmptyResponseIsLegal) {
  const PromptBuilder prompt(tokenizer_, template_, options());
  const auto scored = prompt.scored_prompt("x", "");
  EXPECT_EQ(scored.response_begin, scored.response_end);
  EXPECT_EQ(scored.marker_position, scored.response_end);
  EXPECT_EQ(scored.ids.size() - scored.marker_position, prompt.options().marker.size());
}

TEST_F(PromptTest, LevelsAreSingleDistinctTokens) {
  const PromptBuilder nine(tokenizer_, template_, options());
  ASSERT_EQ(nine.level_ids().size(), 10U);
  for (size_t i = 0; i < 10; ++i) EXPECT_EQ(nine.level_ids()[i], '0' + i);
  EXPECT_DOUBLE_EQ(nine.level_values()[3], 3.0 / 9.0);

  PromptOptions hundred = options();
  hundred.scale = 100;
  EXPECT_THAT(error_of([&] { PromptBuilder(tokenizer_, template_, hundred); }),
              testing::AllOf(HasSubstr("\"10\""), HasSubstr("use scale 9")));
  TemporaryFolder other;
  const Tokenizer whole = tiny_tokenizer(other, /*whole_numbers=*/true);
  const PromptBuilder levels(whole, template_, hundred);
  ASSERT_EQ(levels.level_ids().size(), 101U);
  EXPECT_EQ(levels.level_ids()[100], 390U);
  EXPECT_EQ(levels.level_ids()[7], '7');
}

TEST_F(PromptTest, UnusableOptionsAreNamed) {
  const auto with = [&](auto change) {
    PromptOptions changed = options();
    change(changed);
    return error_of([&] { PromptBuilder(tokenizer_, template_, changed); });
  };
  EXPECT_THAT(with([](PromptOptions& o) { o.question_template = "no place"; }),
              HasSubstr("prompt.question_template"));
  EXPECT_THAT(with([](PromptOptions& o) { o.marker = ""; }), HasSubstr("prompt.marker"));
  EXPECT_THAT(with([](PromptOptions& o) { o.scale = 0; }), HasSubstr("prompt.scale"));
}

TEST_F(PromptTest, HashCoversEveryOption) {
  const std::string base = PromptBuilder(tokenizer_, template_, options()).sha256();
  EXPECT_EQ(PromptBuilder(tokenizer_, template_, options()).sha256(), base);
  const auto changed_hash = [&](auto change) {
    PromptOptions changed = options();
    change(changed);
    return PromptBuilder(tokenizer_, template_, changed).sha256();
  };
  EXPECT_NE(changed_hash([](PromptOptions& o) { o.system += "x"; }), base);
  EXPECT_NE(changed_hash([](PromptOptions& o) { o.few_shot[0].answer += "x"; }), base);
  EXPECT_NE(changed_hash([](PromptOptions& o) { o.few_shot.clear(); }), base);
  EXPECT_NE(changed_hash([](PromptOptions& o) { o.question_template += "x"; }), base);
  EXPECT_NE(changed_hash([](PromptOptions& o) { o.marker = "\nSure: "; }), base);
  EXPECT_NE(changed_hash([](PromptOptions& o) { o.scale = 8; }), base);
}

}  // namespace
}  // namespace candor::data
