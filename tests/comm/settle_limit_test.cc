// The survivors' own calls have a limit too: a rank that never comes back from one of them doesn't
// keep the others waiting for ever.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/commands/candor_process.h"

namespace candor::testing_support {
namespace {

using ::testing::HasSubstr;

TEST(SettleLimit, SurvivorsWaitForEachOtherOnlySoLong) {
  const Outcome outcome =
      shell(fmt::format("{} {}/launch/mpirun_survive.sh --oversubscribe --bind-to none -np 3 {} "
                        "1 hold_up 7",
                        kTimeLimit, CANDOR_SOURCE_DIR, SURVIVORS_PROGRAM));
  EXPECT_NE(outcome.exit_code, 124) << "the test's own time limit";
  EXPECT_THAT(outcome.text, HasSubstr("MPI_Allgather of the survivors isn't complete after"));
}

}  // namespace
}  // namespace candor::testing_support
