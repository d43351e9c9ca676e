#include <gmock/gmock.h>
#include <sys/stat.h>

#include <system_error>
#include <utility>

#include "data_pipeline/files/atomic_file.h"
#include "data_pipeline/files/mapped_file.h"
#include "data_pipeline/files/sha256.h"
#include "tests/files/temporary_folder.h"

namespace candor::data {
namespace {

using testing::HasSubstr;

TEST(Sha256, KnownAnswers) {
  EXPECT_EQ(sha256_hex(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(Sha256, FileOfSeveralPiecesAgreesWithBytes) {
  const TemporaryFolder folder;
  std::string content(3'000'001, 'x');
  content[2'000'000] = 'y';
  write_plain(folder / "a", content);
  EXPECT_EQ(sha256_file_hex(folder / "a"), sha256_hex(content));
  EXPECT_THAT(message_of<std::system_error>([&] { sha256_file_hex(folder / "none"); }),
              HasSubstr(folder / "none"));
  EXPECT_THROW(sha256_file_hex(folder.path()), std::system_error);
}

TEST(AtomicFile, WritesAndReplaces) {
  const TemporaryFolder folder;
  write_file_atomically(folder / "a", "first");
  write_file_atomically(folder / "a", "second");
  EXPECT_EQ(read_file(folder / "a"), "second");
  write_file_atomically(folder / "empty", "");
  EXPECT_EQ(read_file(folder / "empty"), "");
  EXPECT_EQ(folder.entries(), 2U);
  struct stat status {};
  ASSERT_EQ(::stat((folder / "a").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0600U, 0600U);
}

TEST(AtomicFile, PiecesOfAnySizeKeepTheirOrder) {
  const TemporaryFolder folder;
  std::string expected;
  AtomicFile file(folder / "a");
  for (const std::size_t size : {1U, 700'000U, 700'000U, 0U, 3'000'000U, 5U}) {
    const std::string piece(size, static_cast<char>('a' + expected.size() % 26));
    file.write(piece);
    expected += piece;
  }
  file.commit();
  EXPECT_EQ(read_file(folder / "a"), expected);
  EXPECT_THROW(file.commit(), std::logic_error);
  EXPECT_THROW(file.write("x"), std::logic_error);
}

TEST(AtomicFile, WithoutCommitNothingChanges) {
  const TemporaryFolder folder;
  write_file_atomically(folder / "a", "old");
  {
    AtomicFile file(folder / "a");
    file.write("new");
  }
  EXPECT_EQ(read_file(folder / "a"), "old");
  EXPECT_EQ(folder.entries(), 1U);
}

TEST(AtomicFile, ErrorsNameThePath) {
  const TemporaryFolder folder;
  EXPECT_THAT(message_of<std::system_error>([&] { write_file_atomically(folder / "none/a", "x"); }),
              HasSubstr("none/a: No such file or directory"));
  std::filesystem::create_directory(folder / "sub");
  EXPECT_THAT(message_of<std::system_error>([&] { write_file_atomically(folder / "sub", "x"); }),
              HasSubstr(folder / "sub"));
  EXPECT_EQ(folder.entries(), 1U) << "the temporary file must be gone";
}

TEST(MappedFile, SurvivesMovesAndHandlesEmptyFiles) {
  const TemporaryFolder folder;
  write_plain(folder / "a", "abc");
  write_plain(folder / "empty", "");
  MappedFile file(folder / "a");
  MappedFile moved(std::move(file));
  ASSERT_EQ(moved.bytes().size(), 3U);
  EXPECT_EQ(moved.bytes()[2], std::byte{'c'});
  MappedFile other(folder / "empty");
  EXPECT_TRUE(other.bytes().empty());
  other = std::move(moved);
  EXPECT_EQ(other.bytes().size(), 3U);
}

TEST(MappedFile, ErrorsNameThePath) {
  const TemporaryFolder folder;
  EXPECT_THAT(message_of<std::system_error>([&] { MappedFile file(folder / "none"); }),
              HasSubstr(folder / "none"));
  EXPECT_THAT(message_of<std::system_error>([&] { read_file(folder.path()); }),
              HasSubstr("Is a directory"));
  ASSERT_EQ(::mkfifo((folder / "pipe").c_str(), 0600), 0);
  EXPECT_THROW(read_file(folder / "pipe"), std::system_error);
}

}  // namespace
}  // namespace candor::data
