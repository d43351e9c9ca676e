// launch/keep_running.sh with small scripts in place of mpirun: when it tries again, when it gives
// up, and with which hosts.
#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>

#include "tests/commands/candor_process.h"
#include "tests/files/temporary_folder.h"

namespace candor::testing_support {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class KeepRunningTest : public testing::Test {
 protected:
  // A program that is started as mpirun is. It counts its starts in `starts` and gets them as $n.
  void program(const std::string& body) const {
    put("job.sh", "#!/usr/bin/env bash\ncd " + folder_.path() +
                      "\necho x >> starts; n=$(wc -l < starts)\nmkdir -p run/checkpoints\necho "
                      "\"args: $*\" >> calls\n" +
                      body + "\n");
    std::filesystem::permissions(folder_.path() + "/job.sh", std::filesystem::perms::owner_all);
  }
  void put(const std::string& name, const std::string& text) const {
    std::ofstream(folder_.path() + "/" + name, std::ios::binary) << text;
  }
  std::string calls() const { return text_of(folder_.path() + "/calls"); }
  int starts() const { return count_of("x", text_of(folder_.path() + "/starts")); }
  Outcome keep(const std::string& arguments) const {
    return shell("cd " + folder_.path() +
                 " && CANDOR_RESTART_PAUSE_S=0 CANDOR=" CANDOR_BINARY_DIR "/candor " + kTimeLimit +
                 CANDOR_SOURCE_DIR "/launch/keep_running.sh " + arguments);
  }

  data::TemporaryFolder folder_;
};

TEST_F(KeepRunningTest, GivesTheCommandAgainUntilItIsDone) {
  put("my.yaml", "run: {seed: 1, dir: run}\n");
  program("[ $n -ge 4 ] && exit 0; touch run/checkpoints/step_00000$n; exit 137");
  const Outcome outcome = keep("./job.sh -np 2 candor run my.yaml");
  EXPECT_EQ(outcome.exit_code, 0) << outcome.text;
  EXPECT_EQ(starts(), 4);
  EXPECT_THAT(outcome.text, AllOf(HasSubstr("exit code 137"), HasSubstr("done, at the 4. try")));
}

TEST_F(KeepRunningTest, GivesUpAfterFailuresWithoutProgress) {
  put("my.yaml", "run:\n  seed: 1  # dir: not this\n  dir: \"run\"\nmodel: {path: x}\n");
  program("[ $n -le 2 ] && touch run/checkpoints/step_00000$n; exit 4");
  const Outcome outcome = keep("--failures 2 ./job.sh -np 2 candor run my.yaml");
  EXPECT_EQ(outcome.exit_code, 4) << outcome.text;
  EXPECT_EQ(
      starts(),
      3);  // two that got on, the second of which counts as the first failure, and one that didn't
  EXPECT_THAT(outcome.text, HasSubstr("giving up after 2 failures without progress in run"));
}

TEST_F(KeepRunningTest, EndsAtOnceWhereAnotherTryCannotHelp) {
  put("my.yaml", "run: {dir: run}\n");
  for (const int code : {2, 5, 6}) {
    program(fmt::format("exit {}", code));
    std::filesystem::remove(folder_.path() + "/starts");
    EXPECT_EQ(keep("./job.sh candor run my.yaml").exit_code, code);
    EXPECT_EQ(starts(), 1) << code;
  }
  const Outcome nowhere = keep("./job.sh candor run other.yaml");
  EXPECT_EQ(nowhere.exit_code, 2);
  EXPECT_THAT(nowhere.text, HasSubstr("--run-dir"));
}

// Whatever way of writing YAML: the progress there is seen, so that it isn't given up.
TEST_F(KeepRunningTest, FindsTheRunsFolderAsTheProgramReadsIt) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"run:\n  dir: \"a,b\"\n", "a,b"},
      {"run: {dir: 'x{y}', seed: 3}\n", "x{y}"},
      {"run: {seed: 3, dir: plain}\n", "plain"},
      {"run:\n  seed: 3\n  dir:\n    'a # b'\n", "a # b"},
      {"\"run\":\n  {seed: 3,\n   \"dir\": \"it's\"}\n", "it's"},
      {"model: {path: m}\nother: {dir: no}\nrun:\n  # dir: no\n  dir: &d yes here\n", "yes here"}};
  for (const auto& [yaml, folder] : cases) {
    put("my.yaml", yaml);
    put("expected", folder);
    program(
        "mkdir -p \"$(cat expected)/checkpoints/step_00000$n\"; [ $n -ge 5 ] && exit 0; exit 4");
    std::filesystem::remove(folder_.path() + "/starts");
    const Outcome outcome = keep("./job.sh " + std::string("my.yaml"));
    EXPECT_EQ(outcome.exit_code, 0) << yaml << outcome.text;
    EXPECT_EQ(starts(), 5) << yaml;
  }
  put("my.yaml", "run: {dir: other}\n");
  put("expected", "c,d");
  std::filesystem::remove(folder_.path() + "/starts");
  EXPECT_EQ(keep("./job.sh my.yaml --set 'run.dir=\"c,d\"'").exit_code, 0) << "the last --set";
}

TEST_F(KeepRunningTest, SaysWhatItCannotReadTheFolderWith) {
  put("my.yaml", "run: {dir: [a]}\n");
  program("exit 0");
  const Outcome list = keep("./job.sh my.yaml");
  EXPECT_EQ(list.exit_code, 2);
  EXPECT_THAT(list.text, AllOf(HasSubstr("my.yaml:1:12: run.dir: expected one value, got a list"),
                               HasSubstr("add --run-dir DIR")));
  const Outcome broken =
      shell("cd " + folder_.path() + " && CANDOR=" + folder_.path() +
            "/nothing " CANDOR_SOURCE_DIR "/launch/keep_running.sh ./job.sh my.yaml");
  EXPECT_EQ(broken.exit_code, 2);
  EXPECT_THAT(broken.text, HasSubstr("add --run-dir DIR"));
  EXPECT_EQ(starts(), 0);
}

TEST_F(KeepRunningTest, ATrainingGoesOnFromItsCheckpoints) {
  program("[ $n = 2 ] && exit 0; touch run/checkpoints/step_000003; exit 137");
  EXPECT_EQ(keep("./job.sh -np 2 candor train my.yaml --set run.dir=run").exit_code, 0);
  EXPECT_THAT(calls(), AllOf(HasSubstr("args: -np 2 candor train my.yaml --set run.dir=run\n"),
                             HasSubstr("run.dir=run --resume\n")));
}

TEST_F(KeepRunningTest, HostsThatDoNotAnswerAreLeftOut) {
  put("hosts", "# nodes\nnode1 slots=2\nnode2 slots=2\nnode3 slots=3\n");
  put("remote.sh", "#!/usr/bin/env bash\n[ $1 != node2 ]\n");
  std::filesystem::permissions(folder_.path() + "/remote.sh", std::filesystem::perms::owner_all);
  program("cat $2 >> calls; exit 0");
  const Outcome outcome = shell(
      "cd " + folder_.path() +
      " && CANDOR_REMOTE_SHELL=./remote.sh " CANDOR_SOURCE_DIR
      "/launch/keep_running.sh --run-dir run ./job.sh --hostfile hosts -np 7 candor run my.yaml");
  EXPECT_EQ(outcome.exit_code, 0) << outcome.text;
  EXPECT_THAT(outcome.text,
              AllOf(HasSubstr("host node2 doesn't answer"), HasSubstr("5 ranks instead of 7")));
  EXPECT_THAT(calls(), AllOf(HasSubstr("-np 5"), HasSubstr("node1 slots=2\nnode3 slots=3\n"),
                             Not(HasSubstr("node2"))));
}

TEST_F(KeepRunningTest, PassesSignalsOnAndStops) {
  put("my.yaml", "run: {dir: run}\n");
  program(
      "trap 'echo got USR1; exit 6' USR1; touch ready; for i in $(seq 100); do sleep 0.1; done; "
      "exit 1");
  const Outcome outcome =
      shell("cd " + folder_.path() +
            " && { CANDOR=" CANDOR_BINARY_DIR "/candor " CANDOR_SOURCE_DIR
            "/launch/keep_running.sh ./job.sh candor run my.yaml & pid=$!; until [ -e ready ]; do "
            "sleep 0.05; done; kill -USR1 $pid; wait $pid; }");
  EXPECT_EQ(outcome.exit_code, 6) << outcome.text;
  EXPECT_THAT(outcome.text, HasSubstr("got USR1"));
  EXPECT_EQ(starts(), 1);
}

TEST_F(KeepRunningTest, StartsNothingWhereItWasStoppedWhileItAskedTheHosts) {
  put("hosts", "node1 slots=1\n");
  put("remote.sh",
      "#!/usr/bin/env bash\ntouch ready; until [ -e signalled ]; do sleep 0.05; done\n");
  std::filesystem::permissions(folder_.path() + "/remote.sh", std::filesystem::perms::owner_all);
  program("exit 0");
  const Outcome outcome = shell(
      "cd " + folder_.path() +
      " && { CANDOR_REMOTE_SHELL=./remote.sh " CANDOR_SOURCE_DIR
      "/launch/keep_running.sh --run-dir run ./job.sh --hostfile hosts -np 1 candor run my.yaml & "
      "pid=$!; "
      "until [ -e ready ]; do sleep 0.05; done; kill -USR1 $pid; touch signalled; wait $pid; }");
  EXPECT_EQ(outcome.exit_code, 6) << outcome.text;
  EXPECT_THAT(outcome.text, HasSubstr("stopped by SIGUSR1 before try 1"));
  EXPECT_EQ(starts(), 0);
}

}  // namespace
}  // namespace candor::testing_support
