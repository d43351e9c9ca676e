// Outputs whose path leads to what is no plain file: links, pipes, devices, standard output.
#include "data_pipeline/files/output_place.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <unistd.h>

#include <thread>

#include "data_pipeline/files/atomic_file.h"
#include "data_pipeline/files/file_error.h"
#include "data_pipeline/files/staged_folder.h"
#include "tests/files/temporary_folder.h"

namespace candor::data {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

TEST(OutputPlace, ALinkStaysAndItsTargetIsReplaced) {
  const TemporaryFolder folder;
  fs::create_directory(folder / "disk");
  write_plain(folder / "disk/a", "old");
  fs::create_symlink("disk/a", folder / "link");
  fs::create_symlink(folder / "link", folder / "link_of_link");
  write_file_atomically(folder / "link_of_link", "new");
  EXPECT_TRUE(fs::is_symlink(folder / "link"));
  EXPECT_TRUE(fs::is_symlink(folder / "link_of_link"));
  EXPECT_EQ(read_file(folder / "disk/a"), "new");
  EXPECT_FALSE(fs::is_symlink(folder / "disk/a"));
  EXPECT_EQ(folder.entries(), 3U) << "no temporary file is left beside the links";
}

TEST(OutputPlace, ALinkToNothingGetsItsTarget) {
  const TemporaryFolder folder;
  fs::create_symlink("a", folder / "link");
  write_file_atomically(folder / "link", "new");
  EXPECT_TRUE(fs::is_symlink(folder / "link"));
  EXPECT_EQ(read_file(folder / "a"), "new");
}

TEST(OutputPlace, LinksInACircleAreRefused) {
  const TemporaryFolder folder;
  fs::create_symlink("b", folder / "a");
  fs::create_symlink("a", folder / "b");
  EXPECT_THAT(message_of<std::system_error>([&] { write_file_atomically(folder / "a", "x"); }),
              HasSubstr("cannot write " + (folder / "a") + ": Too many levels of symbolic links"));
}

TEST(OutputPlace, APipeIsWrittenInto) {
  const TemporaryFolder folder;
  ASSERT_EQ(::mkfifo((folder / "pipe").c_str(), 0600), 0);
  fs::create_symlink("pipe", folder / "link");
  std::string got;
  std::thread reader([&] {
    std::ifstream stream(folder / "pipe", std::ios::binary);
    got.assign(std::istreambuf_iterator<char>(stream), {});
  });
  const std::string text(3'000'000, 'x');
  write_file_atomically(folder / "link", text);
  reader.join();
  EXPECT_EQ(got, text);
  EXPECT_TRUE(fs::is_fifo(folder / "pipe"));
  EXPECT_EQ(folder.entries(), 2U);
}

// Only root can make one of its own; others see that what they can't make is left alone too.
TEST(OutputPlace, ADeviceIsWrittenIntoAndStays) {
  const TemporaryFolder folder;
  const bool made = ::mknod((folder / "null").c_str(), S_IFCHR | 0600, ::makedev(1, 3)) == 0;
  const std::string device = made ? folder / "null" : "/dev/null";
  try {
    write_file_atomically(device, "x");
  } catch (const std::system_error&) {  // a file system that was mounted without devices
  }
  EXPECT_TRUE(fs::is_character_file(device));
  EXPECT_EQ(folder.entries(), made ? 1U : 0U);
}

TEST(OutputPlace, WhatIsntAFileIsRefused) {
  const TemporaryFolder folder;
  fs::create_directory(folder / "sub");
  EXPECT_THAT(message_of<std::system_error>([&] { write_file_atomically(folder / "sub", "x"); }),
              HasSubstr("cannot write " + (folder / "sub") + ": Is a directory"));
  const int descriptor = ::socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  (folder / "socket").copy(address.sun_path, sizeof address.sun_path - 1);
  ASSERT_EQ(::bind(descriptor, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  EXPECT_THAT(message_of<FileError>([&] { write_file_atomically(folder / "socket", "x"); }),
              HasSubstr((folder / "socket") + ": expected a file, a pipe or a name that is still "
                                              "free, got a socket"));
  ::close(descriptor);
  EXPECT_TRUE(fs::is_socket(folder / "socket"));
}

// What others wrote there stays, and what they write afterwards comes behind.
TEST(OutputPlace, AnOpenDescriptorGoesOnWhereItIs) {
  const TemporaryFolder folder;
  const int descriptor = ::open((folder / "a").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  ASSERT_EQ(::write(descriptor, "before ", 7), 7);
  write_file_atomically("/dev/fd/" + std::to_string(descriptor), "content ");
  fs::create_symlink("/proc/self/fd/" + std::to_string(descriptor), folder / "link");
  write_file_atomically(folder / "link", "more ");
  ASSERT_EQ(::write(descriptor, "after", 5), 5);
  ::close(descriptor);
  EXPECT_EQ(read_file(folder / "a"), "before content more after");
}

TEST(OutputPlace, FilesOfAFolderDontReplaceADevice) {
  const TemporaryFolder folder;
  ASSERT_EQ(::mkfifo((folder / "weights").c_str(), 0600), 0);
  StagedFolder staged(folder.path());
  EXPECT_THAT(message_of<FileError>([&] { staged.path("weights"); }),
              HasSubstr("cannot write " + (folder / "weights")));
}

}  // namespace
}  // namespace candor::data
