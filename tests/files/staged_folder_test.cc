#include "data_pipeline/files/staged_folder.h"

#include <gmock/gmock.h>

#include <system_error>

#include "data_pipeline/files/atomic_file.h"
#include "tests/files/temporary_folder.h"

namespace candor::data {
namespace {

using testing::HasSubstr;

TEST(StagedFolder, FilesAppearTogether) {
  const TemporaryFolder folder;
  StagedFolder staged(folder / "a/out");
  write_file_atomically(staged.path("weights"), "w");
  write_file_atomically(staged.path("manifest"), "m");
  EXPECT_FALSE(std::filesystem::exists(folder / "a/out/weights"));
  staged.commit();
  EXPECT_EQ(read_file(folder / "a/out/weights"), "w");
  EXPECT_EQ(read_file(folder / "a/out/manifest"), "m");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder / "a/out"), {}), 2)
      << "the staging folder is gone";
  EXPECT_THROW(staged.commit(), std::logic_error);
}

TEST(StagedFolder, WithoutCommitTheOldFilesStay) {
  const TemporaryFolder folder;
  write_plain(folder / "weights", "old w");
  write_plain(folder / "manifest", "old m");
  {
    StagedFolder staged(folder.path());
    write_file_atomically(staged.path("weights"), "new w");
    write_file_atomically(staged.path("manifest"), "new m");
  }
  EXPECT_EQ(read_file(folder / "weights"), "old w");
  EXPECT_EQ(read_file(folder / "manifest"), "old m");
  EXPECT_EQ(folder.entries(), 2U);
}

// A file that can't be renamed into place stands for a crash between two renames.
TEST(StagedFolder, TheManifestIsGoneUntilAllElseIsThere) {
  const TemporaryFolder folder;
  std::filesystem::create_directories(folder / "weights/in the way");
  write_plain(folder / "manifest", "old m");
  StagedFolder staged(folder.path());
  write_file_atomically(staged.path("weights"), "new w");
  write_file_atomically(staged.path("manifest"), "new m");
  EXPECT_THAT(message_of<std::system_error>([&] { staged.commit(); }),
              HasSubstr(folder / "weights"));
  EXPECT_FALSE(std::filesystem::exists(folder / "manifest"));
}

TEST(StagedFolder, ErrorsNameTheFolder) {
  const TemporaryFolder folder;
  write_plain(folder / "file", "");
  EXPECT_THAT(message_of<std::system_error>([&] { StagedFolder(folder / "file/below"); }),
              HasSubstr(folder / "file/below"));
}

}  // namespace
}  // namespace candor::data
