// What is wrong with the questions is told before they are answered, and what a user should know of
// them is a warning with a count: missing splits, one entity in several splits, examples that are
// too long, labels that are all the same, a warm-up without an end.
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

class ToldBeforeTest : public TinyRun {
 protected:
  // Rewrites each line of a JSONL file.
  template <typename Change>
  void change_lines(const std::string& file, Change change) const {
    std::istringstream lines(text_of(at(file)));
    std::string changed;
    int number = 0;
    for (std::string text; std::getline(lines, text); ++number) {
      json line = json::parse(text);
      change(line, number);
      changed += line.dump() + "\n";
    }
    put(file, changed);
  }
  void lengthen_question(int wanted, size_t letters) const {
    change_lines("questions.jsonl", [=](json& line, int number) {
      if (number == wanted) line["question"] = std::string(letters, 'a');
    });
  }
  // graded.jsonl as a person writes it; every other answer is right.
  void write_graded() const {
    fs::create_directories(at("run"));
    put("run/graded.jsonl", text_of(at("questions.jsonl")));
    change_lines("run/graded.jsonl", [](json& line, int number) {
      line["response"] = "abc";
      line["correct"] = number % 2;
    });
  }
  // Of a command that should go on.
  std::string words_of(const Outcome& outcome) const {
    EXPECT_EQ(outcome.exit_code, 0) << outcome.text;
    return outcome.text;
  }
  void expect_refused_before_answers(const Outcome& outcome,
                                     const std::vector<std::string>& parts) const {
    EXPECT_EQ(outcome.exit_code, 2) << outcome.text;
    for (const std::string& part : parts) EXPECT_THAT(outcome.text, HasSubstr(part));
    EXPECT_EQ(count_of("candor: ", outcome.text), 1) << outcome.text;
    EXPECT_FALSE(fs::exists(at("run/answers.jsonl")));
    EXPECT_FALSE(fs::exists(at("run/answers.jsonl.partial")));
  }
};

TEST_F(ToldBeforeTest, ASplitWithoutQuestions) {
  const std::string questions = text_of(at("questions.jsonl"));
  for (const std::string split : {"train", "validation", "test"}) {
    put("questions.jsonl", questions);
    const std::string other = split == "test" ? "train" : "test";
    change_lines("questions.jsonl", [&](json& line, int) {
      if (line["split"] == split) line["split"] = other;
    });
    expect_refused_before_answers(
        split == "train" ? on_ranks(2, "run " + config()) : alone("run " + config()),
        {"questions.jsonl", "got none in the " + split + " split", "check \"split\""});
  }
  // What one stage does may be all that is wanted.
  EXPECT_THAT(words_of(alone("answer " + config())),
              HasSubstr("answer  WARNING: none of the 60 questions is in the test split"));
}

TEST_F(ToldBeforeTest, AQuestionThatIsTooLong) {
  lengthen_question(59, 3200);
  lengthen_question(3, 2500);
  const std::vector<std::string> parts = {"questions.jsonl", "question \"q3\"",
                                          "tokens",          "prepare.max_tokens is 2048",
                                          "1 more",          "prepare.leave_out_too_long"};
  expect_refused_before_answers(on_ranks(2, "run " + config()), parts);
  expect_refused_before_answers(alone("answer " + config()), parts);

  // 60 questions, of which 2 are left out by `answer`; the answers that are too long by `prepare`.
  const std::string left_out = config() + "--set prepare.leave_out_too_long=true";
  const Outcome answer = on_ranks(2, "answer " + left_out);
  EXPECT_THAT(words_of(answer),
              AllOf(HasSubstr("left out as longer than prepare.max_tokens 2048: 2 of 60"),
                    HasSubstr("(1 in test, 1 in train)")));
  EXPECT_EQ(count_of("left out", answer.text), 1) << "by one rank";
  EXPECT_EQ(count_of("\n", text_of(at("run/answers.jsonl"))), 58);
  write_graded();
  change_lines("run/graded.jsonl", [](json& line, int number) {
    if (number == 3) line["question"] = "short again";
    if (number == 5) line["response"] = std::string(2500, 'b');
  });
  const Outcome refused = alone("prepare " + config());
  EXPECT_EQ(refused.exit_code, 2);
  EXPECT_THAT(refused.text, AllOf(HasSubstr("question \"q5\""), HasSubstr("max_tokens is 2048"),
                                  HasSubstr("1 more")));
  EXPECT_THAT(words_of(alone("prepare " + left_out)),
              AllOf(HasSubstr("left out as longer than prepare.max_tokens 2048: 2 of 60"),
                    HasSubstr("58 examples")));
  ASSERT_EQ(alone("train " + left_out).exit_code, 0);
  ASSERT_EQ(alone("evaluate " + left_out).exit_code, 0);
  EXPECT_THAT(text_of(at("run/report.json")),
              HasSubstr("1 of the 18 test examples of graded.jsonl aren't in tokens.h5"));
}

TEST_F(ToldBeforeTest, TheLimitIsNoReasonToAnswerAgain) {
  make_half_of_the_answers_right();
  ASSERT_EQ(alone("run " + config()).exit_code, 0);
  EXPECT_THAT(words_of(alone("run " + config() + "--set prepare.max_tokens=3000")),
              AllOf(HasSubstr("run  answer: skipped"), HasSubstr("run  prepare: running")));
  lengthen_question(4, 40);
  EXPECT_THAT(
      words_of(alone("answer " + config() +
                     "--set prepare.max_tokens=50 "
                     "--set prepare.leave_out_too_long=true")),
      HasSubstr("left out as longer than prepare.max_tokens 50: 1 of 60 questions (1 in train)"));
  EXPECT_THAT(words_of(alone("answer " + config() +
                             "--set prepare.max_tokens=64 "
                             "--set answer.max_new_tokens=40")),
              HasSubstr("WARNING: 60 of 60 questions would be over prepare.max_tokens 64"));
}

TEST_F(ToldBeforeTest, EntitiesAndQuestionsOfSeveralSplits) {
  EXPECT_THAT(words_of(alone("answer " + config())), Not(HasSubstr("WARNING")));
  change_lines("questions.jsonl", [](json& line, int) { line["entity"] = "same"; });
  const Outcome answer = on_ranks(2, "answer " + config());
  EXPECT_THAT(words_of(answer),
              AllOf(HasSubstr("answer  WARNING: 1 entity is in several splits"),
                    HasSubstr("\"same\" (questions: 18 in test, 30 in train, 12 in validation)")));
  EXPECT_EQ(count_of("WARNING", answer.text), 1) << answer.text;
  write_graded();
  EXPECT_THAT(words_of(alone("prepare " + config())),
              HasSubstr("prepare  WARNING: 1 entity is in several splits"));
  write_questions({});
  change_lines("questions.jsonl", [](json& line, int number) {
    if (number == 0 || number == 59) line["question"] = "what is it?";
  });
  EXPECT_THAT(words_of(alone("answer " + config())),
              HasSubstr("WARNING: the same question is in several splits"));
}

TEST_F(ToldBeforeTest, LabelsThatAreAllTheSame) {
  write_graded();
  const auto grade_all = [&](const std::string& split, double label) {
    change_lines("run/graded.jsonl", [&](json& line, int) {
      if (line["split"] == split) line["correct"] = label;
    });
  };
  EXPECT_THAT(words_of(alone("prepare " + config())), Not(HasSubstr("WARNING")));
  grade_all("test", 1);
  EXPECT_THAT(words_of(alone("prepare " + config())),
              HasSubstr("WARNING: all 18 graded test answers are right: AUROC isn't defined"));
  write_graded();
  grade_all("validation", 0);
  EXPECT_THAT(words_of(alone("prepare " + config())),
              HasSubstr("WARNING: all 12 graded validation answers are wrong: AUROC isn't"));
  write_graded();
  grade_all("train", 0);
  const std::string warning = "WARNING: all 30 graded train answers are wrong: there is nothing";
  EXPECT_THAT(words_of(alone("prepare " + config())), HasSubstr("prepare  " + warning));
  const Outcome train = on_ranks(2, "train " + config());
  EXPECT_THAT(words_of(train), HasSubstr("train  " + warning));
  EXPECT_EQ(count_of(warning, train.text), 1);
  grade_all("train", 0.5);
  EXPECT_THAT(words_of(alone("prepare " + config())),
              HasSubstr("WARNING: all 30 graded train answers have the label 0.5"));
  write_graded();
  change_lines("run/graded.jsonl", [](json& line, int) {
    if (line["split"] == "test") line["split"] = "train";
  });
  EXPECT_THAT(words_of(alone("prepare " + config())),
              HasSubstr("WARNING: none of the 60 questions is in the test split"));
}

TEST_F(ToldBeforeTest, LongerThanTheModelWasMadeFor) {
  json model = json::parse(text_of(at("model/config.json")));
  model["max_position_embeddings"] = 64;
  put("model/config.json", model.dump());
  const std::string warning = "longer than the 64 tokens that the model was made for";
  EXPECT_THAT(words_of(alone("answer " + config())), Not(HasSubstr(warning)));
  lengthen_question(7, 80);
  EXPECT_THAT(words_of(alone("answer " + config())),
              AllOf(HasSubstr("WARNING: 1 of 60 prompts"), HasSubstr(warning)));
  write_graded();
  EXPECT_THAT(words_of(alone("prepare " + config())),
              AllOf(HasSubstr("WARNING: 1 of 60 examples"), HasSubstr(warning)));
  ASSERT_EQ(alone("train " + config()).exit_code, 0);
  put("qa.jsonl", json{{"question", std::string(80, 'a')}, {"response", "one"}}.dump() + "\n");
  EXPECT_THAT(words_of(alone("score " + config() + "--input " + at("qa.jsonl") + " --output " +
                             at("scored.jsonl"))),
              AllOf(HasSubstr("score  WARNING: 1 of 1 examples"), HasSubstr(warning)));
}

TEST_F(ToldBeforeTest, WarmupThatNeverEnds) {
  const std::string long_warmup =
      config() + "--set train.max_steps=0 --set train.epochs=3 --set train.warmup_steps=";
  expect_refused_before_answers(alone("run " + long_warmup + "12"),
                                {"train.warmup_steps", "less than the 12 steps", "got 12"});
  write_graded();
  ASSERT_EQ(alone("prepare " + config()).exit_code, 0);
  const Outcome train = on_ranks(2, "train " + long_warmup + "1000");
  EXPECT_EQ(train.exit_code, 2);
  EXPECT_THAT(train.text, AllOf(HasSubstr("train.warmup_steps"),
                                HasSubstr("less than the 12 steps"), HasSubstr("got 1000")));
  EXPECT_EQ(count_of("candor: ", train.text), 1) << train.text;
  EXPECT_THAT(text_of(at("run/config.yaml")), Not(HasSubstr("warmup_steps: 1000")));
  EXPECT_EQ(alone("doctor --plan " + long_warmup + "12").exit_code, 2);
  EXPECT_EQ(alone("train " + long_warmup + "11").exit_code, 0);
}

TEST_F(ToldBeforeTest, ARefusedWarmupRemovesNoCheckpoints) {
  make_half_of_the_answers_right();
  ASSERT_EQ(alone("run " + config()).exit_code, 0);
  const Outcome refused = alone("run " + config() +
                                "--set train.max_steps=0 "
                                "--set train.epochs=3 --set train.warmup_steps=12");
  EXPECT_EQ(refused.exit_code, 2);
  EXPECT_THAT(refused.text, HasSubstr("less than the 12 steps"));
  EXPECT_TRUE(fs::exists(at("run/checkpoints/step_000006/state.json")));
}

}  // namespace
}  // namespace candor::launch
