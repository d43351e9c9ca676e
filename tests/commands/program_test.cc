// The program as a user starts it, alone and under mpirun: exit codes, and errors told once.
#include <gmock/gmock.h>

#include <fstream>

#include "tests/commands/candor_process.h"
#include "tests/files/temporary_folder.h"

namespace candor::launch {
namespace {

using namespace testing_support;
using testing::ContainsRegex;
using testing::HasSubstr;

class ProgramTest : public testing::Test {
 protected:
  ProgramTest() {
    write("bad.yaml", "run:\n  dir: x\n  sede: 5\n");
    write("good.yaml", "run: {dir: " + folder_ + "/run}\nmodel: {path: " + folder_ + "/model}\n");
  }
  void write(const std::string& name, const std::string& text) const {
    std::ofstream(folder_ + "/" + name) << text;
  }
  const data::TemporaryFolder temporary_;
  const std::string folder_ = temporary_.path();
};

TEST_F(ProgramTest, BadConfigIsToldOnceWithExitCode2) {
  const std::string line =
      folder_ + "/bad.yaml:3:3: unknown key \"run.sede\"; the nearest valid key is run.seed";
  const Outcome single = alone("train " + folder_ + "/bad.yaml");
  EXPECT_EQ(single.exit_code, 2);
  EXPECT_THAT(single.text, HasSubstr("candor: " + line));
  EXPECT_EQ(count_of("\n", single.text), 1);
  const Outcome several = on_ranks(3, "train " + folder_ + "/bad.yaml");
  EXPECT_EQ(several.exit_code, 2) << several.text;
  EXPECT_EQ(count_of(line, several.text), 1) << several.text;
}

TEST_F(ProgramTest, AWarningOfTheConfigIsToldOnce) {
  write("warned.yaml", "run: {dir: " + folder_ + "/run}\nmodel: {path: " + folder_ +
                           "/model}\nprompt: {marker: '\\nC: '}\n");
  const std::string warning = "candor  WARNING: " + folder_ + "/warned.yaml:3:18: prompt.marker: ";
  EXPECT_EQ(count_of(warning, alone("grade " + folder_ + "/warned.yaml").text), 1);
  EXPECT_EQ(count_of(warning, on_ranks(3, "grade " + folder_ + "/warned.yaml").text), 1);
}

TEST_F(ProgramTest, MissingFilesAreExitCode3) {
  EXPECT_EQ(alone("grade " + folder_ + "/none.yaml").exit_code, 3);
  EXPECT_EQ(alone("inspect " + folder_ + "/none.h5").exit_code, 3);
  EXPECT_EQ(on_ranks(3, "inspect " + folder_ + "/none.h5").exit_code, 3);
  const Outcome grade = alone("grade " + folder_ + "/good.yaml");
  EXPECT_EQ(grade.exit_code, 3) << grade.text;
  EXPECT_THAT(grade.text, HasSubstr("answers.jsonl"));
}

TEST_F(ProgramTest, AFailureInsideACommandIsToldByOneRank) {
  const Outcome outcome = on_ranks(3, "import " + folder_ + "/none.gguf " + folder_ + "/model");
  EXPECT_EQ(outcome.exit_code, 3) << outcome.text;
  EXPECT_THAT(outcome.text, ContainsRegex("candor: rank [0-2] of 3: "));
  EXPECT_EQ(count_of("candor: ", outcome.text), 1) << outcome.text;
}

TEST_F(ProgramTest, DoctorNamesEveryRankAndItsThreads) {
  const Outcome single = shell("OMP_NUM_THREADS=2 " + kCandor + "doctor");
  EXPECT_EQ(single.exit_code, 0) << single.text;
  EXPECT_THAT(single.text, HasSubstr("libtorch 2."));
  EXPECT_THAT(single.text, HasSubstr("rank 0 of 1"));
  EXPECT_THAT(single.text, HasSubstr("2 threads"));
  const Outcome several = shell("OMP_NUM_THREADS=1 " + kMpirun + "-np 3 " + kCandor + "doctor");
  EXPECT_EQ(several.exit_code, 0) << several.text;
  EXPECT_THAT(several.text, HasSubstr("rank 2 of 3"));
  EXPECT_EQ(count_of("local rank", several.text), 3);
}

TEST_F(ProgramTest, HelpIsPrintedOnceAndNeedsNoRanks) {
  const Outcome several = on_ranks(3, "help config");
  EXPECT_EQ(several.exit_code, 0);
  EXPECT_EQ(count_of("learning_rate:", several.text), 1);
  EXPECT_EQ(alone("").exit_code, 2);
  EXPECT_EQ(alone("--version").exit_code, 0);
}

}  // namespace
}  // namespace candor::launch
