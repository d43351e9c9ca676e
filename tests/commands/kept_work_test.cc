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

TEST_F(KeptWorkTest, WhatIsRemovedIsMadeAgain) {
  make_a_run();
  for (const char* name : {"answers.jsonl", "graded.jsonl", "tokens.h5", "report.json"}) {
    const std::string before = text_of(at(std::string("run/") + name));
    fs::remove(at(std::string("run/") + name));
    const Outcome again = alone("run " + config());
    ASSERT_EQ(again.exit_code, 0) << name << again.text;
    EXPECT_EQ(count_of(": skipped", again.text), 4) << name << again.text;
    EXPECT_EQ(text_of(at(std::string("run/") + name)), before) << name;
  }
}

TEST_F(KeptWorkTest, AnAdapterOrAReportOfSomebodyElseIsKeptBeside) {
  make_a_run();
  put("run/adapter/README.md", "mine");
  put("run/adapter/adapter_model.safetensors", "an adapter from elsewhere");
  std::string report = text_of(at("run/report.html"));
  put("run/report.html", report + "<!-- a remark -->");
  const Outcome run = on_ranks(2, "run " + config() + "--set evaluate.probe=false");
  ASSERT_EQ(run.exit_code, 0) << run.text;
  EXPECT_THAT(run.text, AllOf(HasSubstr("kept, with its folder, as " + at("run/adapter.1")),
                              HasSubstr("kept as " + at("run/report.html.1"))));
  EXPECT_EQ(text_of(at("run/adapter.1/adapter_model.safetensors")), "an adapter from elsewhere");
  EXPECT_EQ(text_of(at("run/adapter.1/README.md")), "mine");
  EXPECT_EQ(text_of(at("run/report.html.1")), report + "<!-- a remark -->");
  EXPECT_FALSE(fs::exists(at("run/report.json.1")));

  // Candor's own is replaced, also a report on another adapter.
  ASSERT_EQ(alone("evaluate " + config() + "--adapter " + at("run/adapter")).exit_code, 0);
  ASSERT_EQ(alone("run " + config()).exit_code, 0);
  EXPECT_FALSE(fs::exists(at("run/report.html.2")));
}

TEST_F(KeptWorkTest, WhatAKilledStageHadWrittenIsCandorsOwn) {
  make_a_run();
  // As a kill leaves it between giving the answers their name and recording the stage's end.
  nlohmann::json record = nlohmann::json::parse(text_of(at("run/stages.json")));
  record["answer"] = {{"keys", ""},
                      {"inputs", nlohmann::json::object()},
                      {"outputs", nlohmann::json::object()},
                      {"claimed", record["answer"]["outputs"]},
                      {"running", true}};
  put("run/stages.json", record.dump());
  const Outcome again = alone("run " + config());
  ASSERT_EQ(again.exit_code, 0) << again.text;
  EXPECT_THAT(again.text, AllOf(HasSubstr("run  answer: running, because it hasn't finished"),
                                HasSubstr("run  grade: skipped")));

  // What a person put there after the kill isn't.
  put("run/stages.json", record.dump());
  const std::string mine = text_of(at("run/answers.jsonl")) + "\n";
  put("run/answers.jsonl", mine);
  const Outcome kept = alone("run " + config());
  ASSERT_EQ(kept.exit_code, 0) << kept.text;
  EXPECT_THAT(kept.text, HasSubstr("run  answer: kept"));
  EXPECT_EQ(text_of(at("run/answers.jsonl")), mine);
}

TEST_F(KeptWorkTest, ARefusedTrainingLeavesTheRecordedConfigAndNamesTheKey) {
  make_a_run();
  const std::string recorded = text_of(at("run/config.yaml"));
  for (const auto& [key, text] : std::vector<std::pair<std::string, std::string>>{
           {"train.learning_rate=0.5", "train.learning_rate is 0.0001 there and 0.5 here"},
           {"train.max_steps=12", "train.max_steps is 6 there and 12 here"},
           {"objective=tokenized_brier", "objective is "},
           {"run.threads_per_rank=2", "run.threads_per_rank is 1 there and 2 here"}}) {
    const Outcome refused = on_ranks(2, "train " + config() + "--resume --set " + key);
    EXPECT_EQ(refused.exit_code, 2) << refused.text;
    EXPECT_THAT(refused.text, HasSubstr(text));
    EXPECT_EQ(text_of(at("run/config.yaml")), recorded) << key;
  }
  const Outcome evaluated = alone("evaluate " + config() + "--set train.learning_rate=0.125");
  ASSERT_EQ(evaluated.exit_code, 0) << evaluated.text;
  EXPECT_THAT(evaluated.text, HasSubstr("train.learning_rate is 0.0001 there and 0.125 here"));
  EXPECT_THAT(text_of(at("run/report.html")),
              AllOf(HasSubstr("learning_rate: 0.0001"), Not(HasSubstr("learning_rate: 0.125"))));
  EXPECT_EQ(text_of(at("run/config.yaml")), recorded);
}

TEST_F(KeptWorkTest, ThreadsAreThoseThatTheRunBeganWith) {
  make_half_of_the_answers_right();
  fs::remove_all(at("run"));
  const std::string by_default = "run " + config() + "--set run.threads_per_rank=0 ";
  const auto with_threads = [](const std::string& count, const std::string& command) {
    return shell("OMP_NUM_THREADS=" + count + " " + kTimeLimit + command);
  };
  ASSERT_EQ(with_threads("2", kCandor + by_default).exit_code, 0);
  EXPECT_THAT(text_of(at("run/config.yaml")), HasSubstr("threads_per_rank: 2"));
  for (const Outcome& again : {with_threads("1", kCandor + by_default),
                               shell(kMpirun + "-np 2 " + kCandor + by_default)}) {
    ASSERT_EQ(again.exit_code, 0) << again.text;
    EXPECT_EQ(count_of(": skipped", again.text), 5) << again.text;
  }
}

TEST_F(KeptWorkTest, ASecondCommandInTheFolderIsRefusedAndNamesTheFirst) {
  put("once.sh", kOneThread + kCandor + "run " + config() + "--set train.max_steps=100000 " +
                     "--set train.validate_every=100000 & first=$!\n" + "until grep -q candor " +
                     at("run/.lock") + "; do sleep 0.05; done\n" +
                     "for command in run train evaluate; do " + kCandor + "$command " + config() +
                     "; echo code:$?; done\n" + kMpirun + "-np 2 " + kCandor + "grade " + config() +
                     "; echo code:$?\nkill -TERM $first; wait $first; echo first $?\n");
  const Outcome all = shell(kTimeLimit + "bash " + at("once.sh"));
  EXPECT_EQ(count_of("another command is writing there (candor run, process ", all.text), 4)
      << all.text;
  EXPECT_EQ(count_of("code:3\n", all.text), 4) << all.text;
  EXPECT_THAT(all.text, HasSubstr("first 6"));
  EXPECT_EQ(text_of(at("run/.lock")), "");
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
