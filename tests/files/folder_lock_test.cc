#include "data_pipeline/files/folder_lock.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <utility>

#include "tests/files/temporary_folder.h"

namespace candor::data {
namespace {

TEST(FolderLock, HasOneOwnerWhoIsNamed) {
  const TemporaryFolder folder;
  std::optional<FolderLock> first = FolderLock::take(folder.path(), "the first");
  ASSERT_TRUE(first);
  for (int tries = 0; tries < 2; ++tries) {
    EXPECT_FALSE(FolderLock::take(folder.path(), "the second"));
    EXPECT_EQ(FolderLock::owner_of(folder.path()), "the first");
  }
  std::optional<FolderLock> moved = std::move(first);
  first.reset();
  EXPECT_FALSE(FolderLock::take(folder.path(), "the second"));
  moved.reset();
  EXPECT_EQ(FolderLock::owner_of(folder.path()), "");
  EXPECT_TRUE(FolderLock::take(folder.path(), "the second"));
}

TEST(FolderLock, OfAKilledProcessIsFree) {
  const TemporaryFolder folder;
  int ready[2];
  ASSERT_EQ(::pipe(ready), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    const std::optional<FolderLock> lock = FolderLock::take(folder.path(), "a longer name");
    [[maybe_unused]] const ssize_t told = ::write(ready[1], "r", 1);
    for (;;) ::pause();
  }
  char byte = 0;
  ASSERT_EQ(::read(ready[0], &byte, 1), 1);
  EXPECT_FALSE(FolderLock::take(folder.path(), "me"));
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  EXPECT_EQ(FolderLock::owner_of(folder.path()), "a longer name");
  const std::optional<FolderLock> mine = FolderLock::take(folder.path(), "me");
  ASSERT_TRUE(mine);
  EXPECT_EQ(FolderLock::owner_of(folder.path()), "me");
  ::close(ready[0]);
  ::close(ready[1]);
}

}  // namespace
}  // namespace candor::data
