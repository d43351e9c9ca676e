#include "data_pipeline/files/jsonl.h"

#include <gmock/gmock.h>

#include <system_error>
#include <utility>
#include <vector>

#include "tests/files/temporary_folder.h"

namespace candor::data {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

std::string error_in_lines(const std::string& content) {
  const TemporaryFolder folder;
  write_plain(folder / "a.jsonl", content);
  const std::string message = message_of<std::invalid_argument>([&] {
    for_each_json_line(folder / "a.jsonl",
                       [](const nlohmann::json& value, std::size_t) { value.at("id").get<int>(); });
  });
  EXPECT_THAT(message, StartsWith(folder / "a.jsonl"));
  return message.size() > folder.path().size() ? message.substr(folder.path().size() + 1) : message;
}

TEST(JsonLines, ReadsLinesWithTheirNumbers) {
  const TemporaryFolder folder;
  write_plain(folder / "a", "{\"id\":1}\n\n{\"id\":2,\"of\":{\"id\":3}}\r\n[4]");
  std::vector<std::pair<std::string, std::size_t>> seen;
  for_each_json_line(folder / "a", [&](const nlohmann::json& value, std::size_t line) {
    seen.emplace_back(value.dump(), line);
  });
  EXPECT_EQ(seen, (std::vector<std::pair<std::string, std::size_t>>{
                      {"{\"id\":1}", 1}, {"{\"id\":2,\"of\":{\"id\":3}}", 3}, {"[4]", 4}}));
}

TEST(JsonLines, ErrorsNameTheLine) {
  EXPECT_THAT(error_in_lines("{\"id\":1}\n{\"id\":"), StartsWith("a.jsonl:2: not valid JSON"));
  EXPECT_THAT(error_in_lines("{\"id\":1} {\"id\":2}\n"), StartsWith("a.jsonl:1: not valid JSON"));
  EXPECT_THAT(error_in_lines("{\"id\":\"\xff\"}\n"), StartsWith("a.jsonl:1: not valid JSON"));
  EXPECT_THAT(error_in_lines("{\"id\":1,\"b\":{\"id\":2},\"id\":3}\n"),
              StartsWith("a.jsonl:1: the key \"id\" appears twice"));
  EXPECT_THAT(error_in_lines("{\"id\":1}\n{\"di\":1}\n"), StartsWith("a.jsonl:2: "));
  EXPECT_THAT(error_in_lines("{\"id\":\"x\"}\n"), StartsWith("a.jsonl:1: "));
}

TEST(JsonLines, PrefixesTheErrorsOfTheUser) {
  const TemporaryFolder folder;
  write_plain(folder / "a", "1\n2\n");
  const auto refuse_two = [](const nlohmann::json& value, std::size_t) {
    if (value == 2) throw std::invalid_argument("no twos");
  };
  EXPECT_EQ(
      message_of<std::invalid_argument>([&] { for_each_json_line(folder / "a", refuse_two); }),
      (folder / "a") + ":2: no twos");
}

TEST(JsonLines, MissingFileOrFolder) {
  const TemporaryFolder folder;
  const auto ignore = [](const nlohmann::json&, std::size_t) {};
  EXPECT_THAT(message_of<std::system_error>([&] { for_each_json_line(folder / "none", ignore); }),
              HasSubstr(folder / "none"));
  EXPECT_THROW(for_each_json_line(folder.path(), ignore), std::system_error);
}

TEST(JsonLines, OtherFormatsAreNamed) {
  const std::vector<std::pair<std::string, std::string>> formats = {
      {std::string("\x1f\x8b\x08\x00\x00", 5), "got a gzip file: unpack it"},
      {"\x28\xb5\x2f\xfd$", "got a zstd file"},
      {"\xfd"
       "7zXZ\n",
       "got an xz file"},
      {"BZh91AY", "got a bzip2 file"},
      {"PK\x03\x04\n", "got a zip file"},
      {"PAR1\x15", "got a Parquet file"},
      {std::string("\xff\xfe{\x00", 4), "got text in UTF-16: save it in UTF-8"}};
  for (const auto& [content, told] : formats) {
    const std::string message = error_in_lines(content);
    EXPECT_THAT(message, HasSubstr("expected JSON lines")) << message;
    EXPECT_THAT(message, HasSubstr(told)) << message;
  }
}

TEST(JsonLines, DeepNestingIsRefused) {
  const auto nested = [](std::size_t depth) {
    return std::string(depth, '[') + std::string(depth, ']');
  };
  EXPECT_TRUE(parse_json(nested(100), "x").is_array());
  for (const std::size_t depth : {std::size_t{101}, std::size_t{200'000}}) {
    const std::string message =
        message_of<std::invalid_argument>([&] { parse_json(nested(depth), "x"); });
    EXPECT_THAT(message, testing::AllOf(StartsWith("x: "), HasSubstr("nested over 100 deep")));
  }
  EXPECT_THAT(error_in_lines("{\"id\":1}\n" + nested(101)), HasSubstr("nested over 100 deep"));
}

}  // namespace
}  // namespace candor::data
