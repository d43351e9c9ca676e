// The journal after kills and damage, its lock, slots, and jobs that end with the sweep.
#include "launch/sweep/sweep_journal.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <thread>

#include "data_pipeline/files/read_file.h"
#include "launch/sweep/slots.h"
#include "launch/sweep/sweep_history.h"
#include "launch/sweep/trial_job.h"

namespace candor::launch {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class Folder : public testing::Test {
 protected:
  void SetUp() override {
    dir_ =
        (fs::temp_directory_path() / ("candor_sweep_test_" + std::to_string(::getpid()))).string();
    fs::remove_all(dir_);
    fs::create_directories(dir_);
  }
  void TearDown() override { fs::remove_all(dir_); }
  void write(const std::string& name, const std::string& text) const {
    std::ofstream(dir_ + "/" + name, std::ios::binary) << text;
  }
  std::string at(const std::string& name) const { return dir_ + "/" + name; }
  template <typename Call>
  static std::string refusal_of(Call call) {
    try {
      call();
    } catch (const std::invalid_argument& error) {
      return error.what();
    }
    return "no error";
  }

  std::string dir_;
};

using Journal = Folder;
using Slots = Folder;
using Jobs = Folder;

TEST_F(Journal, GoesOnAfterALineThatAKillCutOff) {
  {
    SweepJournal journal(dir_);
    journal.write({{"event", "sweep"}});
    journal.write({{"event", "point"}, {"point", 0}});
  }
  const std::string whole = data::read_file(SweepJournal::path(dir_));
  for (size_t cut = whole.find('\n') + 1; cut < whole.size(); ++cut) {
    std::ofstream(SweepJournal::path(dir_), std::ios::binary) << whole.substr(0, cut);
    EXPECT_EQ(SweepJournal::read(dir_).size(), 1U) << cut;
  }
  {
    SweepJournal journal(dir_);
    ASSERT_EQ(journal.before().size(), 1U);
    journal.write({{"event", "point"}, {"point", 1}});
  }
  const auto events = SweepJournal::read(dir_);
  ASSERT_EQ(events.size(), 2U);
  EXPECT_EQ(events[1].at("point"), 1);
}

TEST_F(Journal, NamesADamagedLine) {
  {
    SweepJournal journal(dir_);
    for (int i = 0; i < 3; ++i) journal.write({{"event", "point"}, {"point", i}});
  }
  std::string text = data::read_file(SweepJournal::path(dir_));
  text[text.find("\"point\":1") + 8] = '7';
  std::ofstream(SweepJournal::path(dir_), std::ios::binary) << text;
  EXPECT_THAT(refusal_of([&] { SweepJournal journal(dir_); }),
              testing::AllOf(HasSubstr("journal.jsonl"), HasSubstr("line 2 is damaged")));
}

TEST_F(Journal, IsOpenOnceAndItsLockIsntInherited) {
  auto journal = std::make_unique<SweepJournal>(dir_);
  EXPECT_THAT(refusal_of([&] { SweepJournal second(dir_); }), HasSubstr("another process"));
  TrialJob job({.command = {"sleep", "30"}, .log_path = at("log"), .token = dir_ + "|1;"});
  journal.reset();
  SweepJournal again(dir_);  // though the job and its watcher live
}

// The watcher of a session that was killed ends what has its job's number.
TEST(History, KnowsTheNumberOfEveryJobThatWasBegun) {
  SweepConfig sweep;
  sweep.objectives = {{.metric = "auroc"}};
  std::vector<nlohmann::ordered_json> events = {{{"event", "session"}, {"time", 1}}};
  for (const char* event : {"job", "pool", "job"}) {
    const auto number = static_cast<int64_t>(events.size());
    events.push_back({{"event", event}, {"job", number}, {"time", 2}});
    EXPECT_EQ(history_of(sweep, events).largest_job, number) << event;
  }
}

TEST_F(Slots, OfAHostfile) {
  write("hosts", "# a cluster\nnode1 slots=2\n\nnode2 slots=3 max_slots=4  # big\nnode3\n");
  const std::vector<Slot> slots = slots_of_hostfile(at("hosts"));
  ASSERT_EQ(slots.size(), 6U);
  EXPECT_EQ(slots[0], (Slot{"node1", 0}));
  EXPECT_EQ(slots[4], (Slot{"node2", 2}));
  for (const auto& [text, message] : {std::pair{"", "no host in it"},
                                      {"a slots=x\n", ":1: slots: expected a whole number"},
                                      {"a\na\n", ":2: the host a stands here twice"}}) {
    write("hosts", text);
    EXPECT_THAT(refusal_of([&] { slots_of_hostfile(at("hosts")); }), HasSubstr(message));
  }
  EXPECT_THROW(slots_of_hostfile(at("nowhere")), std::system_error);
}

TEST_F(Slots, ATrialIsKeptOnOneHostIfItFits) {
  SlotPool pool({{"a", 0}, {"a", 1}, {"b", 0}, {"b", 1}, {"b", 2}});
  EXPECT_FALSE(pool.take(6).has_value());
  const auto two = pool.take(2);
  EXPECT_EQ((*two)[0].host, "a") << "the host that fits most closely";
  EXPECT_EQ((*two)[1].host, "a");
  const auto three = pool.take(3);
  for (const Slot& slot : *three) EXPECT_EQ(slot.host, "b");
  EXPECT_FALSE(pool.take(1).has_value());
  pool.give_back(*two);
  pool.give_back(*three);
  EXPECT_EQ(pool.take(4)->size(), 4U) << "over two hosts where no one has so many";
}

int wait_for(TrialJob& job) {
  for (int i = 0; i < 1200; ++i) {
    if (const auto code = job.poll()) return *code;
    std::this_thread::sleep_for(std::chrono::milliseconds(25));
  }
  return -1;
}

int processes_with(const std::string& token) {
  int count = 0;
  for (const auto& entry : fs::directory_iterator("/proc")) {
    std::ifstream file(entry.path() / "environ", std::ios::binary);
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    count += text.find("CANDOR_SWEEP_JOB=" + token) != std::string::npos ? 1 : 0;
  }
  return count;
}

// False where so many haven't come to be after half a minute.
bool come_to_be(int processes, const std::string& token) {
  for (int i = 0; i < 1500 && processes_with(token) < processes; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  return processes_with(token) >= processes;
}

TEST_F(Jobs, GiveTheirCodeAndOutput) {
  TrialJob job({.command = {"sh", "-c", "echo $GREETING; exit 3"},
                .environment = {{"GREETING", "hello"}},
                .log_path = at("log"),
                .token = dir_ + "|1;"});
  EXPECT_EQ(wait_for(job), 3);
  EXPECT_EQ(data::read_file(at("log")), "hello\n");
  TrialJob missing({.command = {"no_such_program"}, .log_path = at("log2"), .token = dir_ + "|2;"});
  EXPECT_EQ(wait_for(missing), 127);
  EXPECT_THAT(data::read_file(at("log2")), HasSubstr("cannot start no_such_program"));
  TrialJob killed(
      {.command = {"sh", "-c", "kill -9 $$"}, .log_path = at("log3"), .token = dir_ + "|3;"});
  EXPECT_EQ(wait_for(killed), 137);
}

TEST_F(Jobs, AreAskedToEndAndLeaveNothingBehind) {
  // A child in a process group of its own, as Open MPI's ranks have, which doesn't hear of the
  // signal.
  TrialJob job(
      {.command = {"sh", "-c", "trap 'exit 6' TERM; setsid sleep 60 & while :; do sleep 0.1; done"},
       .log_path = at("log"),
       .token = dir_ + "|1;"});
  ASSERT_TRUE(come_to_be(2, dir_));
  job.end();
  EXPECT_EQ(wait_for(job), 6);
  EXPECT_EQ(processes_with(dir_), 0);
}

// The sweep catches this signal. What it sends a job that it has just started must not end in the
// handler that the job has until its command is executed.
TEST_F(Jobs, AreEndedByASignalThatComesBeforeTheirCommandIsExecuted) {
  const auto before = std::signal(SIGTERM, [](int) {});
  for (int i = 0; i < 20; ++i) {
    TrialJob job({.command = {"sleep", "60"},
                  .log_path = at("log"),
                  .token = dir_ + "|early" + std::to_string(i) + ";"});
    job.end();
    EXPECT_EQ(wait_for(job), 128 + SIGTERM) << i;
  }
  std::signal(SIGTERM, before);
}

TEST_F(Jobs, EndWhenTheSweepIsKilled) {
  const pid_t sweep = ::fork();
  if (sweep == 0) {
    TrialJob first({.command = {"sleep", "60"}, .log_path = at("log1"), .token = dir_ + "|1;"});
    TrialJob second({.command = {"sleep", "60"}, .log_path = at("log2"), .token = dir_ + "|2;"});
    ::pause();
  }
  ASSERT_TRUE(come_to_be(2, dir_));
  ::kill(sweep, SIGKILL);
  ::waitpid(sweep, nullptr, 0);
  for (int i = 0; i < 400 && processes_with(dir_) > 0; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  EXPECT_EQ(processes_with(dir_), 0);
}

TEST_F(Jobs, OrphansAreFoundByTheirSweep) {
  // A token that no other test has: the watchers of a sweep that was killed may still be ending
  // what carries theirs.
  TrialJob ours({.command = {"sleep", "60"}, .log_path = at("log1"), .token = dir_ + "|3;"});
  TrialJob other({.command = {"sleep", "60"}, .log_path = at("log2"), .token = dir_ + "_other|3;"});
  ASSERT_TRUE(come_to_be(2, dir_));
  EXPECT_EQ(end_orphans(dir_ + "|"), 1);
  EXPECT_EQ(wait_for(ours), 128 + SIGTERM);
  EXPECT_FALSE(other.poll().has_value());
}

TEST(Environment, OfAnMpirunIsScrubbed) {
  for (const char* name : {"OMPI_MCA_btl", "OMPI_ALLOW_RUN_AS_ROOT", "PRTE_MCA_prte_if_include"})
    ::setenv(name, "1", 1);
  ::setenv("PMIX_NAMESPACE", "x", 1);
  EXPECT_THAT(names_to_scrub(), testing::Contains("PMIX_NAMESPACE"));
  EXPECT_THAT(names_to_scrub(), testing::Not(testing::Contains("OMPI_MCA_btl")))
      << "a user's own setting";
  ::setenv("OMPI_COMM_WORLD_SIZE", "1", 1);
  EXPECT_THAT(names_to_scrub(), testing::IsSupersetOf({"OMPI_MCA_btl", "OMPI_COMM_WORLD_SIZE",
                                                       "PRTE_MCA_prte_if_include"}));
  EXPECT_THAT(names_to_scrub(), testing::Not(testing::Contains("OMPI_ALLOW_RUN_AS_ROOT")));
  for (const char* name :
       {"OMPI_MCA_btl", "PRTE_MCA_prte_if_include", "PMIX_NAMESPACE", "OMPI_COMM_WORLD_SIZE"})
    ::unsetenv(name);
}

}  // namespace
}  // namespace candor::launch
