// An adapter is used on the prompts that it was trained on: what decides the text of a prompt, or
// where an answer ends, is noticed by `candor run`, and by `candor score` with an older adapter.
#include <gmock/gmock.h>

#include "tests/commands/tiny_run.h"

namespace candor::launch {
namespace {

namespace fs = std::filesystem;
using namespace testing_support;
using nlohmann::json;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

class SamePromptsTest : public TinyRun {
 protected:
  SamePromptsTest() {
    put("qa.jsonl", "{\"question\":\"what is 1?\",\"response\":\"one\"}\n");
    write_template("");
  }
  // Begins with `front`, which sees the special tokens too.
  void write_template(const std::string& front, const std::string& bos = "C") const {
    put("model/tokenizer_config.json",
        json{{"bos_token", bos},
             {"chat_template", front + "{{ bos_token }}{% for m in messages %}{{ m.content + "
                                       "'\\n' }}{% endfor %}"}}
            .dump());
  }
  std::string score(const std::string& more = "") const {
    return "score " + config() + "--input " + at("qa.jsonl") + " --output " + at("scored.jsonl") +
           " " + more;
  }
};

TEST_F(SamePromptsTest, WhateverDecidesThePromptIsNoticed) {
  make_half_of_the_answers_right();
  ASSERT_EQ(alone("run " + config()).exit_code, 0);
  const auto expect_run_again = [&](const char* what) {
    const Outcome again = alone("run " + config());
    EXPECT_EQ(again.exit_code, 0) << again.text;
    for (const char* stage : {"answer", "prepare", "train", "evaluate"})
      EXPECT_THAT(again.text, HasSubstr(fmt::format("run  {}: running", stage))) << what;
    EXPECT_THAT(alone("run " + config()).text, HasSubstr("run  answer: skipped")) << what;
  };
  write_template("D ");
  expect_run_again("template");
  write_template("D ", "E");
  expect_run_again("bos_token");
  put("model/chat_template.jinja", "F {% for m in messages %}{{ m.content + '\\n' }}{% endfor %}");
  expect_run_again("chat_template.jinja");
  put("model/generation_config.json", R"({"eos_token_id": 7})");
  expect_run_again("generation_config.json");
  put("model/special_tokens_map.json", R"({"bos_token": "C"})");
  expect_run_again("special_tokens_map.json");
}

TEST_F(SamePromptsTest, AnAdapterOfOtherPromptsIsRefused) {
  make_half_of_the_answers_right();
  ASSERT_EQ(alone("run " + config()).exit_code, 0);
  ASSERT_EQ(alone(score()).exit_code, 0);
  ASSERT_EQ(alone("export " + config()).exit_code, 0);
  const std::string scored = text_of(at("scored.jsonl"));
  const auto expect_refused = [&](const Outcome& outcome, const std::string& what) {
    EXPECT_EQ(outcome.exit_code, 2) << outcome.text;
    EXPECT_THAT(outcome.text,
                AllOf(HasSubstr("was trained with another " + what), HasSubstr("run/")));
    EXPECT_EQ(count_of("candor: ", outcome.text), 1) << outcome.text;
    EXPECT_EQ(text_of(at("scored.jsonl")), scored);
  };
  expect_refused(alone(score("--set prompt.system=other")), "prompt");
  write_template("D ");
  expect_refused(on_ranks(2, score()), "chat template");
  expect_refused(alone(score("--adapter " + at("run/export/adapter"))), "chat template");
  ASSERT_EQ(alone("prepare " + config()).exit_code, 0);
  expect_refused(alone("evaluate " + config()), "chat template");
  put("run/adapter/candor.json", "{}");
  const Outcome damaged = alone(score());
  EXPECT_EQ(damaged.exit_code, 2);
  EXPECT_THAT(damaged.text, AllOf(HasSubstr("candor.json"), HasSubstr("\"format\"")));
  // One from elsewhere says nothing of its prompts.
  fs::remove(at("run/adapter/candor.json"));
  EXPECT_EQ(alone(score()).exit_code, 0);
}

TEST_F(SamePromptsTest, TheDayInAPromptIsToldAndCanBeKept) {
  const std::string kDay = "prompt.date: 20";
  EXPECT_THAT(alone("answer " + config()).text, Not(HasSubstr(kDay)));
  const Outcome useless = alone("answer " + config() + "--set prompt.date=2026-05-01");
  EXPECT_EQ(useless.exit_code, 2);
  EXPECT_THAT(useless.text, AllOf(HasSubstr("prompt.date"), HasSubstr("leave the key out")));

  write_template("{{ strftime_now('%d %m %y') }} ");
  make_half_of_the_answers_right();
  ASSERT_EQ(alone("grade " + config()).exit_code, 0);
  const auto in_zone = [](const std::string& zone, const std::string& arguments) {
    return shell("TZ=" + zone + " " + kOneThread + kTimeLimit + kCandor + arguments);
  };
  const std::string ahead = "AHD-14", behind = "BHD12";  // always of another day
  const auto tokens_in = [&](const std::string& zone, const std::string& arguments) {
    const Outcome prepare = in_zone(zone, "prepare " + config() + arguments);
    EXPECT_EQ(prepare.exit_code, 0) << prepare.text;
    EXPECT_EQ(count_of("prepare  WARNING: the model's chat template puts the day", prepare.text),
              arguments.empty() ? 1 : 0)
        << prepare.text;
    return text_of(at("run/tokens.h5"));
  };
  const std::string fixed = "--set prompt.date=2026-05-01 ";
  EXPECT_EQ(tokens_in(ahead, fixed), tokens_in(behind, fixed));
  const std::string of_ahead = tokens_in(ahead, ""), of_behind = tokens_in(behind, "");
  EXPECT_NE(of_ahead, of_behind);
  // tokens.h5 is of the day that it says.
  const Outcome other_day = alone("train " + config() + fixed);
  EXPECT_EQ(other_day.exit_code, 2);
  EXPECT_THAT(other_day.text, HasSubstr("another day in its prompts"));

  ASSERT_EQ(alone("train " + config()).exit_code, 0);
  const Outcome other = in_zone(ahead, score());
  const std::string warning = "adapter  WARNING: the prompts that the adapter in";
  EXPECT_EQ(other.exit_code, 0) << other.text;
  EXPECT_EQ(count_of(warning, other.text), 1) << other.text;
  const std::string day =
      json::parse(text_of(at("run/adapter/candor.json"))).at("day").get<std::string>();
  EXPECT_THAT(other.text, HasSubstr("set prompt.date: " + day));
  const Outcome kept = in_zone(ahead, score("--set prompt.date=" + day));
  EXPECT_EQ(kept.exit_code, 0) << kept.text;
  EXPECT_THAT(kept.text, Not(HasSubstr("WARNING")));
}

}  // namespace
}  // namespace candor::launch
