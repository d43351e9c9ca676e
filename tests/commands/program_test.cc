// The program as a user starts it, alone and under mpirun: exit codes, and errors told once.
#include <gmock/gmock.h>
#include <sys/wait.h>

#include <cstdio>
#include <filesystem>
#include <fstream>

namespace {

using testing::HasSubstr;
using testing::Not;

struct Outcome {
  int exit_code;
  std::string text;  // stdout and stderr
};

Outcome run(const std::string& command) {
  std::FILE* pipe = popen((command + " 2>&1").c_str(), "r");
  Outcome outcome{-1, ""};
  char buffer[4096];
  while (const size_t got = std::fread(buffer, 1, sizeof buffer, pipe)) outcome.text.append(buffer, got);
  const int status = pclose(pipe);
  if (WIFEXITED(status)) outcome.exit_code = WEXITSTATUS(status);
  return outcome;
}

const std::string kCandor = CANDOR_BINARY_DIR "/candor ";
const std::string kMpi = "OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 mpirun -np 3 --oversubscribe --bind-to none " + kCandor;

int count(const std::string& text, const std::string& part) {
  int found = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++found;
  return found;
}

class ProgramTest : public testing::Test {
 protected:
  ProgramTest() : folder_(testing::TempDir() + "/candor_program") {
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
    write("bad.yaml", "run:\n  dir: x\n  sede: 5\n");
    write("good.yaml", "run: {dir: " + folder_ + "/run}\nmodel: {path: " + folder_ + "/model}\n");
  }
  void write(const std::string& name, const std::string& text) const { std::ofstream(folder_ + "/" + name) << text; }
  std::string folder_;
};

TEST_F(ProgramTest, BadConfigIsToldOnceWithExitCode2) {
  const std::string line = folder_ + "/bad.yaml:3:3: unknown key \"run.sede\"; the nearest valid key is run.seed";
  const Outcome alone = run(kCandor + "train " + folder_ + "/bad.yaml");
  EXPECT_EQ(alone.exit_code, 2);
  EXPECT_THAT(alone.text, HasSubstr("candor: " + line));
  EXPECT_EQ(count(alone.text, "\n"), 1);
  const Outcome ranks = run(kMpi + "train " + folder_ + "/bad.yaml");
  EXPECT_EQ(ranks.exit_code, 2) << ranks.text;
  EXPECT_EQ(count(ranks.text, line), 1) << ranks.text;
}

TEST_F(ProgramTest, MissingFilesAreExitCode3) {
  EXPECT_EQ(run(kCandor + "grade " + folder_ + "/none.yaml").exit_code, 3);
  EXPECT_EQ(run(kCandor + "inspect " + folder_ + "/none.h5").exit_code, 3);
  EXPECT_EQ(run(kMpi + "inspect " + folder_ + "/none.h5").exit_code, 3);
  const Outcome grade = run(kCandor + "grade " + folder_ + "/good.yaml");
  EXPECT_EQ(grade.exit_code, 3) << grade.text;
  EXPECT_THAT(grade.text, HasSubstr("answers.jsonl"));
}

TEST_F(ProgramTest, AFailureInsideACommandIsToldByOneRank) {
  const Outcome outcome = run(kMpi + "import " + folder_ + "/none.gguf " + folder_ + "/model");
  EXPECT_EQ(outcome.exit_code, 3) << outcome.text;
  EXPECT_EQ(count(outcome.text, "candor: rank 0 of 3: "), 1) << outcome.text;
  EXPECT_EQ(count(outcome.text, "candor: "), 1) << outcome.text;
}

TEST_F(ProgramTest, DoctorNamesEveryRankAndItsThreads) {
  const Outcome alone = run("OMP_NUM_THREADS=2 " + kCandor + "doctor");
  EXPECT_EQ(alone.exit_code, 0) << alone.text;
  EXPECT_THAT(alone.text, HasSubstr("libtorch 2."));
  EXPECT_THAT(alone.text, HasSubstr("rank 0 of 1"));
  EXPECT_THAT(alone.text, HasSubstr("2 threads"));
  const Outcome ranks = run("OMP_NUM_THREADS=1 " + kMpi + "doctor");
  EXPECT_EQ(ranks.exit_code, 0) << ranks.text;
  EXPECT_THAT(ranks.text, HasSubstr("rank 2 of 3"));
  EXPECT_EQ(count(ranks.text, "local rank"), 3);
}

TEST_F(ProgramTest, HelpIsPrintedOnceAndNeedsNoRanks) {
  const Outcome ranks = run(kMpi + "help config");
  EXPECT_EQ(ranks.exit_code, 0);
  EXPECT_EQ(count(ranks.text, "learning_rate:"), 1);
  EXPECT_EQ(run(kCandor).exit_code, 2);
  EXPECT_EQ(run(kCandor + "--version").exit_code, 0);
}

}  // namespace
