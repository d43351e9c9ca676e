// candor doctor as a user starts it: the verdict and its exit code, alone and on ranks that differ.
#include <gmock/gmock.h>

#include <filesystem>

#include "tests/commands/tiny_run.h"

namespace candor::testing_support {
namespace {

using testing::AllOf;
using testing::ContainsRegex;
using testing::HasSubstr;
using testing::Not;

using DoctorTest = TinyRun;

TEST_F(DoctorTest, OneRankIsReady) {
  const Outcome plain = alone("doctor");
  EXPECT_EQ(plain.exit_code, 0) << plain.text;
  EXPECT_THAT(plain.text, AllOf(HasSubstr("rank 0 of 1"), ContainsRegex("executable [0-9a-f]{64}"),
                                HasSubstr("ready: 1 rank on 1 host")));
  const Outcome with_config = alone("doctor --bandwidth " + config());
  EXPECT_EQ(with_config.exit_code, 0) << with_config.text;
  EXPECT_THAT(with_config.text,
              AllOf(ContainsRegex("questions [0-9a-f]{64}"), ContainsRegex("model [0-9a-f]{64}"),
                    HasSubstr("nobody to exchange with")));
}

TEST_F(DoctorTest, RanksMeasureTheirSums) {
  for (const int ranks : {2, 3}) {
    const Outcome outcome = on_ranks(ranks, "doctor --expected-gbit 1 --config " + config());
    EXPECT_EQ(outcome.exit_code, 0) << outcome.text;
    EXPECT_THAT(
        outcome.text,
        AllOf(HasSubstr(fmt::format("all-reduce of int64 on {} ranks, processors by MPI", ranks)),
              HasSubstr("4 KiB"), HasSubstr("no link is compared"),
              HasSubstr(fmt::format("ready: {} ranks on 1 host", ranks))));
    EXPECT_THAT(outcome.text, Not(HasSubstr("clock of")));  // of one host
  }
}

TEST_F(DoctorTest, AnotherConfigIsNamedAndNotReady) {
  put("other.yaml", text_of(at("line.yaml")) + "grade: {grader: numeric}\n");
  const Outcome outcome = on_two_ranks("doctor " + at("line.yaml"), "doctor " + at("other.yaml"));
  EXPECT_EQ(outcome.exit_code, 2) << outcome.text;
  EXPECT_THAT(outcome.text,
              AllOf(ContainsRegex("PROBLEM: .* \\(rank 1\\): another config: `grader: numeric`, "
                                  "rank 0 .* has `grader: alias_match`"),
                    HasSubstr("not ready: 1 problem")));
  EXPECT_EQ(count_of("PROBLEM", outcome.text), 1);
}

TEST_F(DoctorTest, FilesThatCannotBeReadAreProblems) {
  std::filesystem::remove(at("questions.jsonl"));
  std::filesystem::remove(at("model/tokenizer.json"));
  const Outcome files = on_ranks(2, "doctor " + config());
  EXPECT_EQ(files.exit_code, 2) << files.text;
  EXPECT_THAT(files.text, AllOf(ContainsRegex("PROBLEM: .*data.questions: .*questions.jsonl"),
                                ContainsRegex("PROBLEM: .*model.path: .*tokenizer.json"),
                                HasSubstr("not ready: 2 problems")));
  put("bad.yaml", "run:\n  dir: x\n  sede: 5\n");
  const Outcome config_itself = alone("doctor " + at("bad.yaml"));
  EXPECT_EQ(config_itself.exit_code, 2);
  EXPECT_THAT(config_itself.text, AllOf(HasSubstr("bad.yaml:3:3: unknown key \"run.sede\""),
                                        HasSubstr("not ready: 1 problem")));
}

TEST_F(DoctorTest, ThreadsOfTheConfigAreThoseOfARun) {
  const Outcome outcome = shell("OMP_NUM_THREADS=1 " + kTimeLimit + kCandor + "doctor " + config() +
                                "--set run.threads_per_rank=2");
  EXPECT_THAT(outcome.text, HasSubstr(", 2 threads, "));
}

TEST_F(DoctorTest, ArgumentsThatMakeNoSenseAreRefused) {
  EXPECT_THAT(alone("doctor --set run.seed=1").text,
              HasSubstr("--set changes a config, and none is given"));
  EXPECT_THAT(alone("doctor --expected-gbit 0").text, HasSubstr("--expected-gbit"));
  EXPECT_THAT(alone("doctor --timeout x").text, HasSubstr("--timeout"));
  EXPECT_THAT(alone("doctor --bandwidth --plan " + config()).text, HasSubstr("--plan"));
  for (const char* arguments :
       {"doctor --set run.seed=1", "doctor --expected-gbit 0", "doctor --timeout x"})
    EXPECT_EQ(alone(arguments).exit_code, 2);
}

}  // namespace
}  // namespace candor::testing_support
