// What a person made or corrected in a run folder is never replaced without being told to.
#include <gmock/gmock.h>

#include "tests/commands/tiny_run.h"

namespace candor::launch {
namespace {

namespace fs = std::filesystem;
using namespace testing_support;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

class KeptWorkTest : public TinyRun {
 protected:
  // The first of a file's labels, turned.
  void correct_a_label(const std::string& name) const {
    std::string text = text_of(at(name));
    const size_t right = text.find("\"correct\":1"), wrong = text.find("\"correct\":0");
    const size_t first = std::min(right, wrong) + std::string("\"correct\":").size();
    text[first] = text[first] == '1' ? '0' : '1';
    put(name, text);
  }

  void make_a_run() const {
    make_half_of_the_answers_right();
    ASSERT_EQ(alone("run " + config()).exit_code, 0);
  }
};

TEST_F(KeptWorkTest, LabelsMadeByHandStayAndTheRunGoesOnFromThem) {
  make_a_run();
  correct_a_label("run/graded.jsonl");
  const std::string labels = text_of(at("run/graded.jsonl"));
  fs::remove_all(at("mine"));
  fs::create_directories(at("mine"));
  put("mine/graded.jsonl", labels);
  const std::string mine = config() + "--set run.dir=" + at("mine") + " ";
  for (const char* command : {"prepare ", "train "})
    ASSERT_EQ(alone(command + mine).exit_code, 0) << command;
  const Outcome run = alone("run " + mine);
  ASSERT_EQ(run.exit_code, 0) << run.text;
  EXPECT_THAT(run.text,
              AllOf(HasSubstr("run  answer: not needed, because " + at("mine/graded.jsonl")),
                    HasSubstr("run  grade: kept, because " + at("mine/graded.jsonl")),
                    HasSubstr("run  prepare: skipped"), HasSubstr("run  train: skipped")));
  EXPECT_EQ(text_of(at("mine/graded.jsonl")), labels);
  EXPECT_FALSE(fs::exists(at("mine/answers.jsonl")));
  EXPECT_TRUE(fs::exists(at("mine/checkpoints/step_000006")));

  const Outcome forced = on_ranks(2, "run " + mine + "--force");
  ASSERT_EQ(forced.exit_code, 0) << forced.text;
  EXPECT_NE(text_of(at("mine/graded.jsonl")), labels);
}

TEST_F(KeptWorkTest, AnswersOfAnotherProgramStayAndAreGraded) {
  make_a_run();
  std::string answers = text_of(at("run/answers.jsonl"));
  answers.replace(answers.find("\"response\":\"") + 12, 0, "other ");
  fs::create_directories(at("mine"));
  put("mine/answers.jsonl", answers);
  const Outcome run = on_ranks(2, "run " + config() + "--set run.dir=" + at("mine"));
  ASSERT_EQ(run.exit_code, 0) << run.text;
  EXPECT_THAT(run.text, AllOf(HasSubstr("run  answer: kept"), HasSubstr("run  grade: running")));
  EXPECT_EQ(text_of(at("mine/answers.jsonl")), answers);
}

TEST_F(KeptWorkTest, TheFolderMayBeWrittenDifferentlyAndRenamed) {
  make_a_run();
  correct_a_label("run/graded.jsonl");
  const std::string labels = text_of(at("run/graded.jsonl"));
  const auto expect_only_what_follows_the_labels = [&](const std::string& dir) {
    const Outcome run = alone("run " + config() + "--set run.dir=" + dir);
    ASSERT_EQ(run.exit_code, 0) << run.text;
    EXPECT_THAT(run.text,
                AllOf(HasSubstr("run  answer: skipped"), HasSubstr("run  grade: skipped")))
        << dir;
  };
  expect_only_what_follows_the_labels(at("run/"));
  expect_only_what_follows_the_labels(at("./run"));
  fs::rename(at("run"), at("renamed"));
  expect_only_what_follows_the_labels(at("renamed"));
  EXPECT_EQ(text_of(at("renamed/graded.jsonl")), labels);
  const Outcome again = alone("run " + config() + "--set run.dir=" + at("renamed"));
  EXPECT_EQ(count_of(": skipped", again.text), 5) << again.text;
}

TEST_F(KeptWorkTest, EditedLabelsAreNotReplacedWhenGradingWouldRunAgain) {
  make_a_run();
  correct_a_label("run/graded.jsonl");
  const std::string labels = text_of(at("run/graded.jsonl"));
  const std::string other = config() + "--set grade.per_dataset.one=alias_match ";
  for (const std::string& command : {"run " + other, "grade " + other, "grade " + config()}) {
    const Outcome refused = on_ranks(2, command);
    EXPECT_EQ(refused.exit_code, 2) << refused.text;
    EXPECT_THAT(refused.text, AllOf(HasSubstr("run/graded.jsonl"), HasSubstr("--force")));
    EXPECT_EQ(count_of("--force", refused.text), 1) << refused.text;
    EXPECT_EQ(text_of(at("run/graded.jsonl")), labels) << command;
  }
  EXPECT_EQ(alone("grade " + config() + "--force").exit_code, 0);
  EXPECT_NE(text_of(at("run/graded.jsonl")), labels);
  // Made by candor again, so it may be made again.
  EXPECT_EQ(alone("grade " + config()).exit_code, 0);
  EXPECT_EQ(alone("run " + other).exit_code, 0);
}

TEST_F(KeptWorkTest, CheckpointsOfAnotherTrainingAreKeptBeside) {
  make_a_run();
  for (const char* aside : {"run/checkpoints.1", "run/checkpoints.2"}) {
    const bool first = std::string(aside).ends_with("1");
    const Outcome run =
        alone("run " + config() + "--set train.learning_rate=" + (first ? "0.01" : "0.02"));
    ASSERT_EQ(run.exit_code, 0) << run.text;
    EXPECT_THAT(run.text, AllOf(HasSubstr("kept as " + at(aside)), Not(HasSubstr("resuming"))));
    EXPECT_TRUE(fs::exists(at(std::string(aside) + "/step_000006/state.json")));
  }
}

}  // namespace
}  // namespace candor::launch
