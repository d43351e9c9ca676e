// candor sweep as a user starts it: a whole small sweep, what it leaves, going on, looking on, and
// mistakes.
#include <gmock/gmock.h>

#include <filesystem>

#include "launch/config/run_config.h"
#include "tests/commands/candor_process.h"
#include "tests/commands/tiny_run.h"

namespace candor::testing_support {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
namespace fs = std::filesystem;

class SweepProgram : public TinyRun {
 protected:
  void write_sweep(
      const std::string& more,
      const std::string& space =
          "  lora.rank: {choice: [2, 4]}\n  train.learning_rate: {choice: [0.001, 0.02]}\n") const {
    put("sweep.yaml", "sweep:\n  {dir: " + at("sweep") + ", base: line.yaml, method: grid" + more +
                          "}\nspace:\n" + space);
  }
  Outcome sweep(const std::string& arguments) const {
    return shell(kTimeLimit + kCandor + "sweep " + at("sweep.yaml") + " " + arguments);
  }
  std::string journal() const { return text_of(at("sweep/journal.jsonl")); }
};

TEST_F(SweepProgram, TriesEveryPointOnceAndLeavesAReport) {
  write_sweep(", objective: [expectation_brier, auroc]");
  const Outcome plan = sweep("--slots 2 --dry-run");
  EXPECT_THAT(plan.text, AllOf(HasSubstr("grid of 4 points"), HasSubstr("24 steps"),
                               HasSubstr("0003  lora.rank=4 train.learning_rate=0.02")));
  EXPECT_FALSE(fs::exists(at("sweep")));

  const Outcome outcome = sweep("--slots 2");
  ASSERT_EQ(outcome.exit_code, 0) << outcome.text;
  EXPECT_EQ(count_of("\"event\":\"start\"", journal()), 4) << "each once";
  EXPECT_EQ(count_of("\"event\":\"end\"", journal()), 4);
  EXPECT_EQ(count_of("sweep  answer (", outcome.text), 1) << "what trials share is made once";
  for (const char* file :
       {"sweep.html", "trials.csv", "best.yaml", "trials/0003/tensorboard_hparams"})
    EXPECT_TRUE(fs::exists(at(std::string("sweep/") + file))) << file;
  EXPECT_THAT(text_of(at("sweep/sweep.html")),
              AllOf(HasSubstr("Pareto front"), HasSubstr("class=\"parallel\""),
                    HasSubstr("Learning curves"), Not(HasSubstr("src="))));
  EXPECT_EQ(count_of("\n", text_of(at("sweep/trials.csv"))), 5);
  const launch::RunConfig best = launch::read_run_config(at("sweep/best.yaml"));
  EXPECT_EQ(best.run.dir, at("sweep/best"));
  EXPECT_TRUE(best.lora.rank == 2 || best.lora.rank == 4);

  EXPECT_EQ(count_of("\"event\":\"job\"", journal()), 4)
      << "three stages and the evaluation, whose numbers no later job may have";

  const Outcome again = sweep("--slots 2 --resume --no-evaluation");
  EXPECT_EQ(again.exit_code, 0) << again.text;
  EXPECT_EQ(count_of("\"event\":\"start\"", journal()), 4) << "nothing is left to do";
  EXPECT_THAT(sweep("--status").text, AllOf(HasSubstr("4 points begun"), HasSubstr("; done"),
                                            HasSubstr("expectation_brier")));

  write_sweep(", seed: 2");
  const Outcome other = sweep("--slots 2");
  EXPECT_EQ(other.exit_code, 2);
  EXPECT_THAT(other.text, HasSubstr("begun with another sweep file"));
}

TEST_F(SweepProgram, AnInvalidCombinationIsToldAndTheOthersAreTrained) {
  const std::string space =
      "  train.global_batch_examples: {choice: [4, 8]}\n  train.micro_batch_examples: {choice: [2, "
      "8]}\n";
  const char* reason = "train.micro_batch_examples: expected at most train.global_batch_examples 4";
  for (const char* method : {"", ", trials: 9"}) {
    fs::remove_all(at("sweep"));
    write_sweep(method, space);
    if (method[0] != 0) {
      std::string text = text_of(at("sweep.yaml"));
      put("sweep.yaml", text.replace(text.find("grid"), 4, "tpe"));
    }
    const Outcome plan = sweep("--slots 2 --dry-run");
    EXPECT_EQ(plan.exit_code, 0) << plan.text;
    EXPECT_THAT(plan.text, AllOf(HasSubstr("1 of 4 points can't be trained and is left out"),
                                 HasSubstr(reason), HasSubstr("18 steps")));
    const Outcome outcome = sweep("--slots 2 --no-evaluation");
    EXPECT_EQ(outcome.exit_code, 0) << outcome.text;
    EXPECT_EQ(count_of("1 of 4 points can't be trained", outcome.text), 1) << outcome.text;
    EXPECT_EQ(count_of("\"event\":\"start\"", journal()), 3) << "and none twice";
    EXPECT_THAT(text_of(at("sweep/trials.csv")), HasSubstr(reason));
    EXPECT_EQ(sweep("--slots 2 --no-evaluation").exit_code, 0) << "nothing is left to do";
    EXPECT_EQ(count_of("\"event\":\"start\"", journal()), 3);
  }
  fs::remove_all(at("sweep"));
  write_sweep("", "  train.max_steps: {choice: [2, 4]}\n  train.warmup_steps: {choice: [4, 5]}\n");
  const Outcome none = sweep("--slots 2");
  EXPECT_EQ(none.exit_code, 2) << none.text;
  EXPECT_EQ(count_of("candor: ", none.text), 1) << none.text;
  EXPECT_THAT(none.text, HasSubstr("train.warmup_steps: expected less than train.max_steps"));
  EXPECT_FALSE(fs::exists(at("sweep")));
}

TEST_F(SweepProgram, WhatItsStagesRefuseIsLeftOutAndTheOthersAreTrained) {
  write_sweep("", "  prepare.max_tokens: {choice: [8, 2048]}\n");
  const Outcome outcome = sweep("--slots 2 --no-evaluation");
  EXPECT_EQ(outcome.exit_code, 0) << outcome.text;
  EXPECT_EQ(count_of("0000 can't be trained: candor ", outcome.text), 1) << outcome.text;
  EXPECT_EQ(count_of("\"event\":\"start\"", journal()), 1);
  EXPECT_THAT(text_of(at("sweep/best.yaml")), HasSubstr("max_tokens: 2048"));

  // Where none works, nothing is given up for good: the file may be put right.
  fs::remove_all(at("sweep"));
  write_sweep("", "  lora.rank: {choice: [2, 4]}\n");
  const std::string questions = text_of(at("questions.jsonl"));
  put("questions.jsonl", "no JSON\n");
  const Outcome refused = sweep("--slots 2 --no-evaluation");
  EXPECT_EQ(refused.exit_code, 2) << refused.text;
  EXPECT_THAT(refused.text, HasSubstr("no point of the sweep has a result; point 0000"));
  put("questions.jsonl", questions);
  const Outcome again = sweep("--slots 2 --no-evaluation");
  EXPECT_EQ(again.exit_code, 0) << again.text;
  EXPECT_EQ(count_of("\"figures\"", journal()), 2) << journal();
}

// All answers of this run are wrong.
TEST_F(SweepProgram, AnObjectiveThatIsntDefinedIsToldBeforeAnyTraining) {
  write_sweep(", objective: auroc");
  const Outcome outcome = sweep("--slots 2");
  EXPECT_EQ(outcome.exit_code, 2) << outcome.text;
  EXPECT_EQ(count_of("candor: ", outcome.text), 1) << outcome.text;
  EXPECT_THAT(outcome.text, AllOf(HasSubstr("sweep.objective auroc isn't defined"),
                                  HasSubstr("all 12 answers are wrong")));
  EXPECT_EQ(count_of("\"event\":\"start\"", journal()), 0);
}

TEST_F(SweepProgram, NoPointIsTrainedTwice) {
  put("sweep.yaml",
      "sweep: {dir: " + at("sweep") +
          ", base: line.yaml, method: random, trials: 8}\nspace: {lora.rank: {choice: "
          "[2, 4]}}\n");
  const char* word = "the space has no more than 2 points, so sweep.trials 8 isn't reached";
  const Outcome plan = sweep("--slots 2 --dry-run");
  EXPECT_THAT(plan.text, AllOf(HasSubstr("random of 2 points"), HasSubstr(word)));
  const Outcome outcome = sweep("--slots 2 --no-evaluation");
  EXPECT_EQ(outcome.exit_code, 0) << outcome.text;
  EXPECT_EQ(count_of(word, outcome.text), 1) << outcome.text;
  EXPECT_EQ(count_of("\"event\":\"start\"", journal()), 2);
}

TEST_F(SweepProgram, WithoutAResultTheExitCodeIsThatOfTheFailures) {
  write_sweep("", "  lora.alpha: {choice: [1e38, 2e38]}\n");
  const Outcome outcome = sweep("--slots 2");
  EXPECT_EQ(outcome.exit_code, 5) << outcome.text;
  EXPECT_EQ(count_of("no point of the sweep has a result", outcome.text), 1) << outcome.text;
}

TEST_F(SweepProgram, ATrialThatCantWorkIsGivenUpAndTheOthersFinish) {
  // An adapter that is scaled beyond what fp32 holds gives NaN, which a retry would only repeat.
  write_sweep(", retries: 5", "  lora.alpha: {choice: [1e38, 8]}\n");
  for (const char* where : {"", " --in-process"}) {
    fs::remove_all(at("sweep"));
    const Outcome outcome = sweep(std::string("--slots 1 --no-evaluation") + where);
    EXPECT_EQ(outcome.exit_code, 0) << outcome.text;
    EXPECT_EQ(count_of("0000 failed", outcome.text), 1) << outcome.text;
    EXPECT_THAT(text_of(at("sweep/best.yaml")), HasSubstr("alpha: 8"));
    EXPECT_THAT(text_of(at("sweep/trials.csv")), HasSubstr("1e38"));
  }
  EXPECT_EQ(count_of("\"event\":\"start\"", journal()), 2)
      << "the rank goes on with the next point";
  EXPECT_THAT(text_of(at("sweep/trials/0000/job.log")),
              AllOf(HasSubstr("candor: "), Not(HasSubstr("0001"))));
}

TEST_F(SweepProgram, AFailureOfRanksThatStayEndsOnlyItsTraining) {
  // What the model hasn't is found by each rank alone, so the others of its group might wait for it
  // for ever.
  write_sweep(", ranks_per_trial: 2", "  lora.layers: {choice: [0-99, 0-0, 0-1]}\n");
  const Outcome outcome = sweep("--slots 4 --in-process --no-evaluation");
  EXPECT_EQ(outcome.exit_code, 0) << outcome.text;
  EXPECT_EQ(count_of("0000 failed", outcome.text), 1) << outcome.text;
  EXPECT_EQ(count_of("0001 failed", outcome.text) + count_of("0002 failed", outcome.text), 0)
      << outcome.text;
  EXPECT_EQ(count_of("\"figures\"", journal()), 2) << journal();
}

TEST_F(SweepProgram, RanksThatStayTrainTheSameBits) {
  write_sweep(", ranks_per_trial: 2, halving: synchronous, first_rung_steps: 3, factor: 2");
  const Outcome own = sweep("--slots 4 --no-evaluation");
  ASSERT_EQ(own.exit_code, 0) << own.text;
  const std::string best = text_of(at("sweep/best.yaml"));
  fs::rename(at("sweep"), at("own"));

  const Outcome outcome = sweep("--slots 5 --in-process --no-evaluation");
  ASSERT_EQ(outcome.exit_code, 0) << outcome.text;
  EXPECT_EQ(text_of(at("sweep/best.yaml")), best);
  int compared = 0;
  for (const auto& trial : fs::directory_iterator(at("own/trials"))) {
    const std::string adapter = "/adapter/adapter_model.safetensors",
                      name = trial.path().filename().string();
    if (!fs::exists(at("own/trials/" + name + adapter))) continue;  // not among the better half
    EXPECT_EQ(text_of(at("own/trials/" + name + adapter)),
              text_of(at("sweep/trials/" + name + adapter)))
        << name;
    ++compared;
  }
  EXPECT_EQ(compared, 2);
  int groups = 0;
  for (const auto& file : fs::recursive_directory_iterator(at("sweep/pool")))
    groups += file.path().extension() == ".done" ? 1 : 0;
  EXPECT_EQ(groups, 2) << "of two of the five slots each";
}

TEST_F(SweepProgram, MistakesAreOneErrorEach) {
  write_sweep(", ranks_per_trial: 3");
  const auto expect = [&](const std::string& arguments, int code, const std::string& message) {
    const Outcome outcome = sweep(arguments);
    EXPECT_EQ(outcome.exit_code, code) << outcome.text;
    EXPECT_THAT(outcome.text, HasSubstr(message));
    EXPECT_EQ(count_of("candor: ", outcome.text), 1) << outcome.text;
  };
  expect("--slots 2", 2, "a trial of 3 ranks doesn't fit on 2 slots");
  expect("--hostfile " + at("nowhere"), 3, "nowhere");
  expect("--slots 2 --hostfile x", 2, "exclude each other");
  expect("--status", 2, "no sweep has begun");
  fs::remove_all(at("sweep"));
  expect("--resume --slots 3", 2, "no sweep has begun");
  write_sweep("", "  run.threads_per_rank: {choice: [1, 2]}\n");
  expect("--slots 2 --in-process", 2, "run.threads_per_rank is fixed when a rank starts");
  const Outcome on_ranks_of_mpirun = on_ranks(2, "sweep " + at("sweep.yaml"));
  EXPECT_NE(on_ranks_of_mpirun.exit_code, 0);
  EXPECT_EQ(count_of("give it without mpirun", on_ranks_of_mpirun.text), 1)
      << on_ranks_of_mpirun.text;

  write_sweep("", "  data.questions: {choice: [" + at("nothing.jsonl") + "]}\n");
  expect("--slots 1", 3, "candor answer of what trials share ended with");
}

}  // namespace
}  // namespace candor::testing_support
