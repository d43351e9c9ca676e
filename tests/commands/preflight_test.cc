// launch/preflight.sh with small scripts in place of ssh, mpirun and candor: what it asks each
// host, what it makes of the answers, and of the doctor's end.
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

class PreflightTest : public testing::Test {
 protected:
  PreflightTest() {
    put("hosts", "# two of them\nnode1 slots=2\n\nnode2 slots=3 max-slots=4\n");
    script("candor", "echo candor 0.1");
    // Hosts are subfolders' views of this machine: each script may replace a program by its own on
    // one host.
    script("remote.sh",
           "host=$1; shift\nif [ -e silent.$host ]; then echo \"ssh: $host: no route\" >&2; exit "
           "255; fi\nHOST=$host exec \"$@\"");
    script("mpirun",
           "if [ \"$1\" = --version ]; then cat version.$HOST 2>/dev/null || echo mpirun 4.1.4; "
           "exit; fi\necho \"args: $*\" >> calls\n. ./doctor");
    put("doctor", "echo ready: 5 ranks on 2 hosts\n");
  }

  void put(const std::string& name, const std::string& text) const {
    std::ofstream(folder_.path() + "/" + name, std::ios::binary) << text;
  }
  void script(const std::string& name, const std::string& body) const {
    put(name, "#!/usr/bin/env bash\n" + body + "\n");
    std::filesystem::permissions(folder_.path() + "/" + name, std::filesystem::perms::owner_all);
  }
  std::string calls() const { return text_of(folder_.path() + "/calls"); }
  Outcome preflight(const std::string& arguments) const {
    return shell("cd " + folder_.path() + " && CANDOR_REMOTE_SHELL=./remote.sh " + kTimeLimit +
                 CANDOR_SOURCE_DIR "/launch/preflight.sh --mpirun ./mpirun " + arguments);
  }
  Outcome usual(const std::string& arguments = "") const {
    return preflight("--hostfile hosts --program ./candor " + arguments);
  }

  data::TemporaryFolder folder_;
};

TEST_F(PreflightTest, RunsTheDoctorWhereAllHostsAreAlike) {
  const Outcome outcome = usual("my.yaml --expected-gbit 100 -- --mca btl_tcp_if_include eth0");
  EXPECT_EQ(outcome.exit_code, 0) << outcome.text;
  EXPECT_THAT(outcome.text,
              AllOf(HasSubstr("asking every host of hosts (2)"), HasSubstr("node1 ("),
                    HasSubstr("node2 ("), testing::EndsWith("ready: 5 ranks on 2 hosts\n")));
  EXPECT_EQ(calls(),
            "args: --hostfile hosts -np 5 --bind-to none --mca btl_tcp_if_include eth0 ./candor "
            "doctor --timeout 60 my.yaml --bandwidth "
            "--expected-gbit 100\n");
  EXPECT_EQ(usual("-np 3 --no-bandwidth --timeout 7").exit_code, 0);
  EXPECT_THAT(calls(), HasSubstr("-np 3 --bind-to none ./candor doctor --timeout 7\n"));
}

TEST_F(PreflightTest, AHostThatDoesNotAnswerIsNamed) {
  put("silent.node2", "");
  const Outcome outcome = usual();
  EXPECT_EQ(outcome.exit_code, 4) << outcome.text;
  EXPECT_THAT(
      outcome.text,
      AllOf(
          HasSubstr("PROBLEM: node2: doesn't answer to `./remote.sh node2`: ssh: node2: no route"),
          HasSubstr("node1 ("), HasSubstr("not ready: 1 problem, found before MPI")));
  EXPECT_EQ(calls(), "");
}

TEST_F(PreflightTest, AnotherMpirunIsNamed) {
  put("version.node2", "mpirun 5.0.11\n");
  const Outcome outcome = usual();
  EXPECT_EQ(outcome.exit_code, 2) << outcome.text;
  EXPECT_THAT(outcome.text, AllOf(HasSubstr("PROBLEM: node2 ("),
                                  HasSubstr("is \"mpirun 5.0.11\", here \"mpirun 4.1.4\"")));
}

TEST_F(PreflightTest, AProgramThatDoesNotStartIsNamed) {
  script("candor",
         "[ \"$HOST\" != node2 ] || { echo 'libmpi.so.40: not found' >&2; exit 127; }; echo candor "
         "0.1");
  const Outcome outcome = usual();
  EXPECT_EQ(outcome.exit_code, 2) << outcome.text;
  EXPECT_THAT(outcome.text, AllOf(HasSubstr("node2 ("),
                                  HasSubstr("./candor doesn't start: libmpi.so.40: not found"),
                                  Not(HasSubstr("PROBLEM: node1"))));
}

TEST_F(PreflightTest, TheDoctorsEndIsItsEnd) {
  put("doctor", "echo 'PROBLEM: node2: other'\necho not ready: 1 problem\nexit 2\n");
  const Outcome problem = usual();
  EXPECT_EQ(problem.exit_code, 2) << problem.text;
  EXPECT_THAT(problem.text, testing::EndsWith("not ready: 1 problem\n"));
  put("doctor", "echo no daemon on node2\nexit 1\n");
  const Outcome start = usual();
  EXPECT_EQ(start.exit_code, 4) << start.text;
  EXPECT_THAT(start.text, AllOf(HasSubstr("no daemon on node2\n"),
                                testing::EndsWith("not ready: ./mpirun ended with 1\n")));
  put("doctor", "exit 0\n");
  EXPECT_EQ(usual().exit_code, 4) << "no verdict is no success";
  put("doctor", "trap '' TERM\nfor i in $(seq 1000); do sleep 0.1; done\n");
  const Outcome hang = usual("--limit 1");
  EXPECT_EQ(hang.exit_code, 4) << hang.text;
  EXPECT_THAT(hang.text,
              AllOf(HasSubstr("not ready: no verdict within 1 s"), Not(HasSubstr("Killed"))));
}

TEST_F(PreflightTest, BadArgumentsAreOneLine) {
  const std::pair<const char*, const char*> cases[] = {
      {"", "--hostfile is missing"},
      {"--hostfile none", "none can't be read"},
      {"--hostfile hosts --program ./gone", "./gone isn't there"},
      {"--hostfile hosts --program ./candor -np 0", "-np: expected a number from 1, got \"0\""},
      {"--hostfile hosts --expected-gbit fast", "--expected-gbit: expected a number, got \"fast\""},
      {"--hostfile hosts --sped", "unknown option --sped"},
      {"--hostfile hosts a.yaml b.yaml", "expected one config, got a.yaml and b.yaml"},
      {"--hostfile", "--hostfile: expected a file"},
  };
  for (const auto& [arguments, told] : cases) {
    const Outcome outcome = preflight(arguments);
    EXPECT_EQ(outcome.exit_code, 2) << arguments;
    EXPECT_THAT(outcome.text, HasSubstr(told)) << arguments;
    EXPECT_EQ(count_of("\n", outcome.text), 1) << outcome.text;
  }
  put("hosts", "# nobody\n");
  EXPECT_THAT(usual().text, HasSubstr("no host in hosts"));
  const Outcome help = preflight("--help");
  EXPECT_EQ(help.exit_code, 0);
  EXPECT_THAT(help.text, HasSubstr("usage: launch/preflight.sh"));
}

}  // namespace
}  // namespace candor::testing_support
