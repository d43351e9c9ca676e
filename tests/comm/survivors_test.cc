// Under Open MPI 5 with ULFM ranks go on without the one that died, stopped or doesn't come; under
// Open MPI 4 the job ends soon, with the rank's name.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/commands/candor_process.h"

namespace candor::testing_support {
namespace {

using ::testing::AnyOf;
using ::testing::HasSubstr;
using ::testing::Not;

const std::string kSurvivors = SURVIVORS_PROGRAM;

Outcome surviving(int ranks, const std::string& arguments) {
  return shell(
      fmt::format("{} {}/launch/mpirun_survive.sh --oversubscribe --bind-to none -np {} {} {}",
                  kTimeLimit, CANDOR_SOURCE_DIR, ranks, kSurvivors, arguments));
}

TEST(Survivors, GoOnWithoutARankThatDies) {
  for (const int ranks : {2, 3, 4}) {
    for (const int victim : {0, ranks - 1}) {
      const Outcome outcome = surviving(ranks, fmt::format("{} kill {}", victim, 7));
      EXPECT_THAT(outcome.text,
                  HasSubstr(fmt::format("lost {} of {}, {} left", victim, ranks, ranks - 1)));
    }
  }
}

TEST(Survivors, GoOnWithoutOneAfterTheOther) {
  const Outcome outcome = surviving(4, "0,2 kill 5");
  EXPECT_THAT(outcome.text, HasSubstr("lost 0 and 2 of 4, 2 left"));
}

TEST(Survivors, AStoppedRankIsEndedByItsGuardian) {
  for (const int victim : {0, 1}) {
    const Outcome outcome = surviving(3, fmt::format("{} stop 7", victim));
    EXPECT_THAT(outcome.text, HasSubstr(fmt::format("rank {} of 3", victim)));
    EXPECT_THAT(outcome.text, HasSubstr("no sign of life for"));
    EXPECT_THAT(outcome.text, HasSubstr("it is stopped"));
    EXPECT_THAT(outcome.text, HasSubstr(fmt::format("lost {} of 3, 2 left", victim)));
  }
}

TEST(Survivors, ARankThatLivesButDoesNotComeIsEndedAtTheDeadline) {
  const Outcome outcome = surviving(3, "1 stay_away 7");
  EXPECT_THAT(outcome.text, HasSubstr("rank 1 of 3"));
  EXPECT_THAT(outcome.text, HasSubstr("the other ranks have waited for it"));
  EXPECT_THAT(outcome.text, HasSubstr("lost 1 of 3, 2 left"));
}

TEST(Survivors, ARankThatIsGoneAtTheDeadlineIsLostOnceMpiTells) {
  // Where one survivor has just ended the late rank, the others find nobody to ask any more.
  const Outcome outcome = surviving(3, "1 out_of_reach 7");
  EXPECT_THAT(outcome.text, HasSubstr("lost 1 of 3, 2 left"));
}

TEST(Survivors, NobodyIsLostWhereNobodyDies) {
  const Outcome outcome = surviving(3, "9 kill 7");
  EXPECT_THAT(outcome.text, HasSubstr("lost  of 3, 3 left\n"));
}

TEST(Survivors, OneOfThoseThatFailIsHeard) {
  for (const int ranks : {2, 4}) {
    const Outcome outcome = shell(kMpirun + fmt::format("-np {} {} 9 fail 7", ranks, kSurvivors));
    EXPECT_EQ(count_of("is heard\n", outcome.text), 1) << outcome.text;
  }
}

TEST(WithoutUlfm, TheJobEndsAndTheRankIsNamed) {
  for (const char* how : {"stop", "stay_away"}) {
    const Outcome outcome = shell(kMpirun + fmt::format("-np 3 {} 1 {} 7", kSurvivors, how));
    EXPECT_THAT(outcome.exit_code, AnyOf(1, 134, 137))
        << how << "\n"
        << outcome.text;  // 124 would be this test's own time limit
    EXPECT_THAT(outcome.text, HasSubstr("rank 1"));
    EXPECT_THAT(outcome.text, Not(HasSubstr("lost 1")));
  }
}

}  // namespace
}  // namespace candor::testing_support
