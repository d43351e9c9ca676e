#include "data_pipeline/tokens/token_file.h"

#include <gmock/gmock.h>

#include <sys/resource.h>

#include <chrono>
#include <csignal>
#include <iterator>
#include <system_error>
#include <thread>

#include "tests/prompt/token_fixture.h"

namespace candor::data {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing_support::small_data;
using testing_support::TemporaryFolder;

std::string bytes_of(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

void put_bytes(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

std::string read_error(const std::string& path) {
  try {
    read_token_file(path);
  } catch (const std::exception& error) {
    return error.what();
  }
  return "no error";
}

TEST(TokenFileTest, RoundTrip) {
  const TemporaryFolder folder;
  const std::string path = folder.file("tokens.h5");
  const TokenData data = small_data();
  write_token_file(path, data);
  EXPECT_EQ(read_token_file(path), data);
  const std::string first = bytes_of(path);
  std::this_thread::sleep_for(std::chrono::milliseconds(1100));  // HDF5's time stamps count seconds
  write_token_file(path, data);
  EXPECT_EQ(bytes_of(path), first) << "the same data gives the same bytes";
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.path()), {}), 1)
      << "no temporary file stays";
}

TEST(TokenFileTest, RoundTripWithoutPrefixesAndWithManyChunks) {
  const TemporaryFolder folder;
  TokenData data = small_data();
  data.prefixes = {};
  data.prefix_parent.clear();
  for (Example& example : data.examples) example.prefix = -1;
  data.origin.model_identity.clear();
  data.suffixes.ids.resize(50'000, 9);
  data.suffixes.offsets.back() = data.suffixes.ids.size();
  write_token_file(folder.file("t.h5"), data);
  EXPECT_EQ(read_token_file(folder.file("t.h5")), data);
}

// HDF5 likes to store times, in seconds.
TEST(TokenFileTest, TheSameDataGivesTheSameBytesLater) {
  const TemporaryFolder folder;
  write_token_file(folder.file("one.h5"), small_data());
  std::this_thread::sleep_for(std::chrono::milliseconds(1100));
  write_token_file(folder.file("two.h5"), small_data());
  EXPECT_TRUE(bytes_of(folder.file("one.h5")) == bytes_of(folder.file("two.h5")));
}

TEST(TokenFileTest, MissingEmptyAndForeignFilesHaveErrorsOfTheirOwn) {
  const TemporaryFolder folder;
  try {
    read_token_file(folder.file("none.h5"));
    FAIL();
  } catch (const std::system_error& error) {
    EXPECT_EQ(error.code(), std::errc::no_such_file_or_directory);
    EXPECT_THAT(error.what(), HasSubstr("none.h5"));
  }
  EXPECT_THROW(read_token_file(folder.path().string()), std::system_error);
  put_bytes(folder.file("empty.h5"), "");
  EXPECT_THAT(read_error(folder.file("empty.h5")), HasSubstr("truncated"));
  put_bytes(folder.file("text.h5"), std::string(4000, 'x'));
  EXPECT_THAT(read_error(folder.file("text.h5")), HasSubstr("not a token file"));
}

TEST(TokenFileTest, EveryTruncationIsAnError) {
  const TemporaryFolder folder;
  const std::string path = folder.file("tokens.h5");
  write_token_file(path, small_data());
  const std::string whole = bytes_of(path);
  for (size_t size = 1; size < whole.size(); size += 97) {
    put_bytes(path, whole.substr(0, size));
    const std::string error = read_error(path);
    EXPECT_THAT(error, HasSubstr("tokens.h5")) << size;
    EXPECT_THAT(error, HasSubstr(size < 8 ? "not a token file" : "truncated")) << size;
  }
}

// Bytes that mean nothing may flip; whatever is read must be right.
TEST(TokenFileTest, AFlippedByteIsNeverReadAsData) {
  const TemporaryFolder folder;
  const std::string path = folder.file("tokens.h5");
  const TokenData data = small_data();
  write_token_file(path, data);
  const std::string whole = bytes_of(path);
  size_t noticed = 0;
  for (size_t i = 0; i < whole.size(); i += 3) {
    std::string damaged = whole;
    damaged[i] = static_cast<char>(damaged[i] ^ 0x11);
    put_bytes(path, damaged);
    try {
      EXPECT_EQ(read_token_file(path), data) << "byte " << i;
    } catch (const std::exception& error) {
      EXPECT_THAT(error.what(), HasSubstr("tokens.h5"));
      ++noticed;
    }
  }
  EXPECT_GT(noticed, 100U);
}

TEST(TokenFileTest, ContradictionsAreNotWritten) {
  const TemporaryFolder folder;
  const auto error_with = [&](auto change) -> std::string {
    TokenData data = small_data();
    change(data);
    try {
      write_token_file(folder.file("t.h5"), data);
    } catch (const std::invalid_argument& error) {
      return error.what();
    }
    return "no error";
  };
  EXPECT_THAT(error_with([](TokenData& d) { d.examples[1].target = 1.5F; }),
              testing::AllOf(HasSubstr("\"q1\""), HasSubstr("1.5")));
  EXPECT_THAT(error_with([](TokenData& d) { d.examples.pop_back(); }), HasSubstr("examples has 4"));
  EXPECT_THAT(error_with([](TokenData& d) { d.suffixes.offsets[1] = 0; }), HasSubstr("offsets"));
  EXPECT_THAT(error_with([](TokenData& d) { d.suffixes.offsets.back() += 1; }),
              HasSubstr("offsets"));
  EXPECT_THAT(error_with([](TokenData& d) { d.examples[0].confidence_position = 4; }),
              HasSubstr("confidence at 4"));
  EXPECT_THAT(error_with([](TokenData& d) { d.examples[0].prefix = 2; }), HasSubstr("no prefix 2"));
  EXPECT_THAT(error_with([](TokenData& d) { d.prefix_parent[0] = 0; }), HasSubstr("parent 0"));
  EXPECT_THAT(error_with([](TokenData& d) { d.examples[0].response_begin = 0; }),
              HasSubstr("response tokens"));
  EXPECT_THAT(error_with([](TokenData& d) { d.examples[0].entity = std::string("a\0b", 3); }),
              HasSubstr("NUL"));
  EXPECT_THAT(error_with([](TokenData& d) { d = TokenData{}; }), HasSubstr("no examples"));
  EXPECT_FALSE(std::filesystem::exists(folder.file("t.h5")));
}

TEST(TokenFileTest, UnwritableFolderLeavesNothingBehind) {
  const TemporaryFolder folder;
  try {
    write_token_file(folder.file("absent/t.h5"), small_data());
    FAIL();
  } catch (const std::system_error& error) {
    EXPECT_THAT(error.what(), HasSubstr("absent/t.h5"));
  }
}

// A limit on the file's size stands in for a full disk: the same failing write(2).
TEST(TokenFileTest, FullDiskLeavesTheOldFileAndNothingElse) {
  const TemporaryFolder folder;
  const std::string path = folder.file("t.h5");
  const TokenData old_data = small_data();
  write_token_file(path, old_data);
  TokenData data = old_data;
  data.suffixes.ids.resize(200'000, 9);
  data.suffixes.offsets.back() = data.suffixes.ids.size();
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit unlimited{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &unlimited), 0);
  for (const rlim_t bytes : {0, 1'000, 100'000, 799'000}) {
    const rlimit limited{bytes, unlimited.rlim_max};
    ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &limited), 0);
    std::string message = "no error";
    try {
      write_token_file(path, data);
    } catch (const std::exception& error) {
      message = error.what();
      EXPECT_NE(dynamic_cast<const std::system_error*>(&error), nullptr) << message;
    }
    ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &unlimited), 0);
    EXPECT_THAT(message, testing::AllOf(HasSubstr("t.h5"), HasSubstr("File too large"))) << bytes;
    EXPECT_EQ(read_token_file(path), old_data);
    EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.path()), {}), 1);
  }
  write_token_file(path, data);
  EXPECT_EQ(read_token_file(path), data);
}

TEST(TokenFileTest, AnotherTokenizerTemplatePromptOrModelIsNamed) {
  const TokenOrigin origin = small_data().origin;
  const std::string a(64, 'a'), b(64, 'b'), c(64, 'c'), other(64, 'f');
  check_token_file_matches(origin, "t.h5", {a, b, c, "tiny"});
  check_token_file_matches(origin, "t.h5", {a, b, c, ""});
  const auto error_of = [&](const TokenOrigin& expected) -> std::string {
    try {
      check_token_file_matches(origin, "t.h5", expected);
    } catch (const std::invalid_argument& error) {
      return error.what();
    }
    return "no error";
  };
  EXPECT_THAT(
      error_of({other, b, c, "tiny"}),
      HasSubstr(
          "t.h5 was made with another tokenizer (file: aaaaaaaaaaaa, this run: ffffffffffff)"));
  EXPECT_THAT(error_of({a, other, c, "tiny"}), HasSubstr("another chat template"));
  EXPECT_THAT(error_of({a, b, other, "tiny"}), HasSubstr("another prompt"));
  EXPECT_THAT(error_of({a, b, c, "big"}), HasSubstr("another model"));
  EXPECT_THAT(error_of({a, b, c, "tiny", "2026-05-01"}),
              AllOf(HasSubstr("another day in its prompts"), HasSubstr("2026-05-01"),
                    HasSubstr("prompt.date")));
}

TEST(TokenFileTest, TheDayOfItsPromptsIsKept) {
  const TemporaryFolder folder;
  const std::string path = folder.file("tokens.h5");
  TokenData data = small_data();
  write_token_file(path, data);
  EXPECT_EQ(read_token_file(path).origin.day, "");
  data.origin.day = "2026-05-01";
  write_token_file(path, data);
  EXPECT_EQ(read_token_file(path), data);
  check_token_file_matches(read_token_file(path).origin, path, {.day = "2026-05-01"});
}

// Files that HDF5 itself reads: each has "tokens" stored as this program doesn't store it.
TEST(TokenFileTest, ForeignStorageIsRefused) {
  const std::string folder = CANDOR_SOURCE_DIR "/tests/fuzz/corpus/token_file/";
  EXPECT_EQ(read_error(folder + "small"), "no error");
  EXPECT_THAT(read_error(folder + "link_into_another_file"), HasSubstr("\"tokens\" is a link"));
  EXPECT_THAT(read_error(folder + "bytes_in_another_file"),
              HasSubstr("keeps its bytes in another file"));
  EXPECT_THAT(read_error(folder + "chunk_of_2_29"), HasSubstr("chunks of at most"));
  EXPECT_THAT(read_error(folder + "deflated"), HasSubstr("a filter that this program doesn't use"));
}

// Files with checksums that are right and columns that don't fit each other.
TEST(TokenFileTest, ContradictionsAreNotRead) {
  const std::string folder = CANDOR_SOURCE_DIR "/tests/fuzz/corpus/token_file/";
  EXPECT_THAT(read_error(folder + "graded_has_4"), HasSubstr("graded has 4 elements, expected 5"));
  EXPECT_THAT(read_error(folder + "prefix_index_has_0"),
              HasSubstr("prefix_index has 0 elements, expected 5"));
  EXPECT_THAT(read_error(folder + "prefix_index_has_6"),
              HasSubstr("prefix_index has 6 elements, expected 5"));
  EXPECT_THAT(read_error(folder + "split_has_4"), HasSubstr("split has 4 elements, expected 5"));
  EXPECT_THAT(read_error(folder + "graded_is_7"),
              HasSubstr("example number 2: graded must be 0 or 1, got 7"));
}

TEST(TokenFileTest, AResponseEndsBeforeItsMarker) {
  TokenData data = small_data();
  data.examples[0].response_end = data.examples[0].marker_position + 1;
  try {
    validate_token_data(data, "x");
    ADD_FAILURE() << "nothing was thrown";
  } catch (const std::invalid_argument& error) {
    EXPECT_THAT(error.what(), HasSubstr("behind the marker"));
  }
}

}  // namespace
}  // namespace candor::data
