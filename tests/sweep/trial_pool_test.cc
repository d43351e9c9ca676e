// Who is to blame when ranks that stay are lost, and the files by which a sweep and they talk.
// Small scripts stand for mpirun.
#include "launch/sweep/trial_pool.h"

#include <gmock/gmock.h>

#include <chrono>
#include <filesystem>
#include <thread>

#include "launch/sweep/steady_seconds.h"
#include "tests/files/temporary_folder.h"

namespace candor::launch {
namespace {

using testing::AllOf;
using testing::HasSubstr;

std::optional<int64_t> lost_rank(const std::string& output) {
  const auto found = lost_rank_in(output);
  return found ? std::optional<int64_t>(found->rank) : std::nullopt;
}

TEST(LostRank, IsReadFromWhatMpirunPrints) {
  EXPECT_EQ(
      lost_rank(
          "mpirun noticed that process rank 1 with PID 0 on node vm exited on signal 9 (Killed)."),
      1);
  EXPECT_EQ(lost_rank("prterun noticed that process rank 12 with PID 15035 on node vm exited "
                      "on\nsignal 9 (Killed)."),
            12);
  EXPECT_EQ(
      lost_rank(
          "The first process to do so was:\n\n  Process name: [[22099,1],3]\n  Exit code:    7\n"),
      3);
  EXPECT_EQ(lost_rank("The first process to do so was:\n\n   Process name: "
                      "[prterun-vm-15038@1,0]\n   Exit code:    7\n"),
            0);
  EXPECT_EQ(
      lost_rank(
          "MPI_ABORT was invoked on rank 2 in communicator MPI_COMM_WORLD\n  Proc: [[3656,1],2]\n"),
      2);
  EXPECT_EQ(lost_rank("There are not enough slots available in the system"), std::nullopt);
  EXPECT_EQ(lost_rank(""), std::nullopt);
  EXPECT_EQ(
      lost_rank_in("prterun noticed that process rank 12 with PID 15035 on node vm exited "
                   "on\nsignal 9 (Killed).\n---")
          ->words,
      "prterun noticed that process rank 12 with PID 15035 on node vm exited on signal 9 (Killed)");
}

class TrialPoolTest : public testing::Test {
 protected:
  static constexpr int64_t kRanksPerGroup = 2;

  // A pool of two groups whose ranks have met and do what the script says, in the pool's folder.
  std::shared_ptr<TrialPool> pool(const std::string& script) {
    folder().write_ready();
    return std::make_shared<TrialPool>(
        TrialPoolOptions{.folder = folder_.path(),
                         .groups = 2,
                         .ranks_per_group = kRanksPerGroup,
                         .job = {.command = {"bash", "-c", "cd " + folder_.path() + "; " + script},
                                 .log_path = log(),
                                 .token = folder_.path() + "|1;"}});
  }
  std::string log() const { return folder_ / "job.log"; }
  PoolFolder folder() const { return PoolFolder(folder_.path()); }
  static int code_of(TrialRun& run) {
    const double since = steady_seconds();
    std::optional<int> code;
    while (!(code = run.poll()) && steady_seconds() - since < 60)
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    return code.value_or(-1);
  }

  data::TemporaryFolder folder_;
};

constexpr const char* kBothBegan =
    "while [ ! -e group0.task -o ! -e group1.task ]; do sleep 0.02; done; ";

TEST_F(TrialPoolTest, AGroupTakesOneTaskAfterTheOther) {
  const auto pool = this->pool("while sleep 0.1; do :; done");
  for (int64_t id = 1; id <= 3; ++id) {
    const auto run = pool->start({.config_path = "trial.yaml", .pause_at = 6, .log_path = "x"});
    EXPECT_FALSE(run->poll().has_value()) << "an earlier result isn't this task's";
    const PoolTask task = task_from(folder().task_after(0, id - 1).value());
    EXPECT_EQ(task.id, id);
    EXPECT_EQ(task.pause_at, 6);
    EXPECT_FALSE(folder().task_after(0, id)) << "done already";
    folder().write_result(0, {.id = id, .exit_code = id == 2 ? 5 : 0});
    EXPECT_EQ(code_of(*run), id == 2 ? 5 : 0);
    EXPECT_FALSE(run->blameless());
    EXPECT_TRUE(pool->takes_tasks());
  }
}

TEST_F(TrialPoolTest, TheGroupOfTheLostRankIsToBlame) {
  const auto pool = this->pool(std::string(kBothBegan) +
                               "echo 'mpirun noticed that process rank 2 with PID 0 on node a "
                               "exited on signal 9'; exit 137");
  const auto first = pool->start({}), second = pool->start({});
  EXPECT_EQ(code_of(*first), 137);
  EXPECT_TRUE(first->blameless());
  EXPECT_EQ(code_of(*second), 137);
  EXPECT_FALSE(second->blameless());
  EXPECT_FALSE(pool->takes_tasks());
}

TEST_F(TrialPoolTest, WhereNobodySaysWhoAllThatRanAreToBlame) {
  const auto pool = this->pool(std::string(kBothBegan) + "exit 3");
  const auto first = pool->start({}), second = pool->start({});
  EXPECT_EQ(code_of(*first), 3);
  EXPECT_EQ(code_of(*second), 3);
  EXPECT_FALSE(first->blameless());
  EXPECT_FALSE(second->blameless());
}

TEST_F(TrialPoolTest, ATrainingThatSavedBecauseAnotherRankWasLostIsBlameless) {
  // mpirun stops the others before it ends.
  const auto pool = this->pool(std::string(kBothBegan) +
                               "while [ ! -e group0.done ]; do sleep 0.02; done; sleep 0.2; "
                               "echo 'mpirun noticed that process rank 3 with PID 0 on node a "
                               "exited on signal 9'; exit 137");
  const auto saved = pool->start({}), lost = pool->start({});
  folder().write_result(0, {.id = 1, .exit_code = 6, .stopped = true});
  EXPECT_EQ(code_of(*saved), 6);
  EXPECT_TRUE(saved->blameless());
  EXPECT_FALSE(pool->takes_tasks()) << "it goes down";
  EXPECT_EQ(code_of(*lost), 137);
  EXPECT_FALSE(lost->blameless());
  EXPECT_THAT(lost->last_words(),
              AllOf(HasSubstr("mpirun noticed that process rank 3"), HasSubstr("job.log")));
}

TEST_F(TrialPoolTest, TheLossOfARankThatHadNothingToDoBlamesNobody) {
  const auto pool = this->pool(
      "while [ ! -e group0.task ]; do sleep 0.02; done; echo 'Process name: [[1,1],3]'; exit 1");
  const auto run = pool->start({});
  EXPECT_EQ(code_of(*run), 1);
  EXPECT_TRUE(run->blameless());
}

TEST_F(TrialPoolTest, APoolThatDidNotComeToTrainBlamesNobody) {
  const auto pool = this->pool(
      "rm ready; while [ ! -e group0.task ]; do sleep 0.02; done; echo 'candor: node2: another "
      "processor'; exit 2");
  const auto run = pool->start({});
  EXPECT_EQ(code_of(*run), 2);
  EXPECT_TRUE(run->blameless());
  EXPECT_THAT(pool->last_words(), HasSubstr("node2: another processor"));
}

TEST_F(TrialPoolTest, ARankThatEndsTheJobTakesTheBlame) {
  const auto pool =
      this->pool(std::string(kBothBegan) +
                 "while [ ! -e group1.done ]; do sleep 0.02; done; sleep 0.2; exit 2");
  const auto first = pool->start({}), second = pool->start({});
  folder().write_result(1, {.id = 2, .exit_code = 2, .ends_all = true});
  EXPECT_EQ(code_of(*second), 2);
  EXPECT_FALSE(second->blameless());
  EXPECT_FALSE(pool->takes_tasks()) << "what was given to it now would be lost";
  EXPECT_EQ(code_of(*first), 2);
  EXPECT_TRUE(first->blameless());
}

TEST_F(TrialPoolTest, WhatEndsBecauseThePoolWasAskedToIsBlameless) {
  const auto pool = this->pool(
      R"(trap 'echo "{\"id\": 1, \"exit\": 6, \"stopped\": true}" > group0.done; exit 6' TERM; )"
      R"(touch trap_is_set; while :; do sleep 0.05; done)");
  const auto saved = pool->start({}), cut_off = pool->start({});
  while (!std::filesystem::exists(folder_ / "trap_is_set"))
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  pool->end();
  EXPECT_EQ(code_of(*saved), 6);
  EXPECT_TRUE(saved->blameless());
  EXPECT_EQ(code_of(*cut_off), 6);
  EXPECT_TRUE(cut_off->blameless());
}

}  // namespace
}  // namespace candor::launch
