#include "data_pipeline/files/safetensors.h"

#include <gmock/gmock.h>

#include <cstring>
#include <filesystem>
#include <system_error>

#include "tests/files/temporary_folder.h"

namespace candor::data {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

const std::vector<float> kValues{1.0F, -2.0F, 3.5F, 0.0F, 5.0F, 6.0F};

NamedTensor floats(const std::string& name, std::vector<std::int64_t> shape, std::size_t count) {
  return {name, DType::F32, std::move(shape), std::as_bytes(std::span(kValues).first(count))};
}

// A file with this header and so many bytes of data.
void write_raw(const std::string& path, const std::string& header, std::size_t data_bytes) {
  const std::uint64_t length = header.size();
  std::string content(8, '\0');
  std::memcpy(content.data(), &length, 8);
  write_plain(path, content + header + std::string(data_bytes, 'd'));
}

std::string error_of_raw(const std::string& header, std::size_t data_bytes) {
  const TemporaryFolder folder;
  write_raw(folder / "a.safetensors", header, data_bytes);
  const std::string message =
      message_of<std::invalid_argument>([&] { SafetensorsFile file(folder / "a.safetensors"); });
  EXPECT_THAT(message, HasSubstr(folder / "a.safetensors"));
  return message;
}

TEST(Safetensors, RoundTrip) {
  const TemporaryFolder folder;
  const std::string bits = "abcd";
  write_safetensors(folder / "a",
                    {floats("b", {2, 3}, 6),
                     {"half", DType::F16, {2}, std::as_bytes(std::span(bits))},
                     floats("a", {}, 1),
                     floats("none", {0, 7}, 0)},
                    {{"k\"ey", "välue"}});
  SafetensorsFile moved_from(folder / "a");
  const SafetensorsFile file(std::move(moved_from));
  EXPECT_THAT(file.metadata(),
              ElementsAre(std::pair<const std::string, std::string>("k\"ey", "välue")));
  ASSERT_EQ(file.tensors().size(), 4U);
  EXPECT_THAT(file.tensors().at("b").shape, ElementsAre(2, 3));
  EXPECT_TRUE(file.tensors().at("a").shape.empty());
  EXPECT_EQ(file.tensors().at("half").dtype, DType::F16);
  ASSERT_EQ(file.tensors().at("b").bytes.size(), 24U);
  EXPECT_EQ(std::memcmp(file.tensors().at("b").bytes.data(), kValues.data(), 24), 0);
}

TEST(Safetensors, BytesAreDeterministicAndAsTheReferenceWritesThem) {
  const TemporaryFolder folder;
  write_safetensors(folder / "a", {floats("x", {2}, 2), floats("b", {1}, 1)}, {{"format", "pt"}});
  write_safetensors(folder / "b", {floats("b", {1}, 1), floats("x", {2}, 2)}, {{"format", "pt"}});
  EXPECT_EQ(read_file(folder / "a"), read_file(folder / "b"));
  const std::string header =
      R"({"__metadata__":{"format":"pt"},"b":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},)"
      R"("x":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}})";
  EXPECT_EQ(read_file(folder / "a").substr(8, header.size()), header);
  EXPECT_EQ((read_file(folder / "a").size() - 12) % 8, 0U);
}

TEST(Safetensors, StreamedWriterMakesTheSameFileOneTensorAtATime) {
  const TemporaryFolder folder;
  std::vector<std::string> order;
  const auto source = [&](const std::string& name, std::size_t count) {
    return TensorSource{
        name, DType::F32, {static_cast<std::int64_t>(count)}, [&order, name, count] {
          order.push_back(name);
          const auto bytes = std::as_bytes(std::span(kValues).first(count));
          return std::vector<std::byte>(bytes.begin(), bytes.end());
        }};
  };
  write_safetensors_streamed(folder / "a", {source("z", 3), source("a", 2)});
  write_safetensors(folder / "b", {floats("a", {2}, 2), floats("z", {3}, 3)});
  EXPECT_EQ(read_file(folder / "a"), read_file(folder / "b"));
  EXPECT_THAT(order, ElementsAre("a", "z"));
}

TEST(Safetensors, WriterRefusesWhatDoesNotFit) {
  const TemporaryFolder folder;
  EXPECT_THAT(message_of<std::invalid_argument>(
                  [&] { write_safetensors(folder / "a", {floats("x", {2}, 1)}); }),
              HasSubstr("tensor x needs 8 bytes"));
  EXPECT_THAT(message_of<std::invalid_argument>([&] {
                write_safetensors(folder / "a", {floats("x", {1}, 1), floats("x", {1}, 1)});
              }),
              HasSubstr("share the name x"));
  EXPECT_EQ(folder.entries(), 0U);
}

TEST(Safetensors, TruncationIsNamedWhereverItFalls) {
  const TemporaryFolder folder;
  const std::string path = folder / "a";
  write_safetensors(path, {floats("x", {6}, 6)});
  const std::size_t whole = read_file(path).size();
  const auto error_at = [&](std::size_t size) {
    shrink_file(path, size);
    return message_of<std::invalid_argument>([&] { SafetensorsFile file(path); });
  };
  EXPECT_THAT(error_at(whole - 1),
              AllOf(HasSubstr(path), HasSubstr("tensor x: the file is truncated")));
  EXPECT_THAT(error_at(20), HasSubstr("truncated within its header"));
  EXPECT_THAT(error_at(7), HasSubstr("too few"));
  EXPECT_THAT(error_at(0), HasSubstr("too few"));
  EXPECT_THAT(message_of<std::system_error>([&] { SafetensorsFile file(folder / "none"); }),
              HasSubstr(folder / "none"));
}

TEST(Safetensors, DamagedHeadersAreDistinctErrors) {
  const auto entry = [](const std::string& dtype, const std::string& shape,
                        const std::string& offsets) {
    return "\"x\":{\"dtype\":\"" + dtype + "\",\"shape\":" + shape +
           ",\"data_offsets\":" + offsets + "}";
  };
  EXPECT_THAT(error_of_raw("{nonsense}", 0), HasSubstr("not valid JSON"));
  EXPECT_THAT(error_of_raw("[]", 0), HasSubstr("must be a JSON object"));
  EXPECT_THAT(error_of_raw("{\"x\":{\"dtype\":\"F32\"}}", 0),
              HasSubstr("tensor x: its header entry"));
  EXPECT_THAT(error_of_raw("{" + entry("F4", "[2]", "[0,1]") + "}", 1),
              HasSubstr("\"F4\" isn't read"));
  EXPECT_THAT(error_of_raw("{" + entry("F32", "[-1]", "[0,4]") + "}", 4),
              HasSubstr("whole numbers of at least 0"));
  EXPECT_THAT(error_of_raw("{" + entry("F32", "[2]", "[4,0]") + "}", 4),
              HasSubstr("run backwards"));
  EXPECT_THAT(error_of_raw("{" + entry("F32", "[2]", "[0,4]") + "}", 4),
              HasSubstr("doesn't fit the 4 bytes"));
  EXPECT_THAT(
      error_of_raw("{" + entry("F32", "[4611686018427387904,4611686018427387904]", "[0,0]") + "}",
                   0),
      HasSubstr("doesn't fit the 0 bytes"));
  EXPECT_THAT(error_of_raw(
                  "{" + entry("F32", "[1]", "[0,4]") + "," + entry("F32", "[1]", "[0,4]") + "}", 4),
              HasSubstr("appears twice"));
  EXPECT_THAT(error_of_raw("{" + entry("F32", "[1]", "[0,4]") +
                               ",\"y\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}",
                           4),
              HasSubstr("overlap"));
  EXPECT_THAT(error_of_raw("{" + entry("F32", "[1]", "[4,8]") + "}", 8), HasSubstr("hole"));
  EXPECT_THAT(error_of_raw("{" + entry("F32", "[1]", "[0,4]") + "}", 5),
              HasSubstr("1 bytes follow the last tensor"));
  EXPECT_THAT(error_of_raw("{\"__metadata__\":{\"a\":1}}", 0),
              HasSubstr("__metadata__ a must be a string"));
  const TemporaryFolder folder;
  write_plain(folder / "a", "this is plain text");
  EXPECT_THAT(message_of<std::invalid_argument>([&] { SafetensorsFile file(folder / "a"); }),
              HasSubstr("no safetensors file"));
}

TEST(SafetensorsModel, SingleFile) {
  const TemporaryFolder folder;
  write_safetensors(folder / "model.safetensors", {floats("x", {2}, 2)});
  const SafetensorsModel model(folder.path());
  EXPECT_TRUE(model.contains("x"));
  EXPECT_EQ(model.at("x").bytes.size(), 8U);
  EXPECT_THAT(message_of<std::invalid_argument>([&] { model.at("y"); }),
              AllOf(HasSubstr(folder.path()), HasSubstr("no tensor y")));
}

TEST(SafetensorsModel, IndexedShards) {
  const TemporaryFolder folder;
  write_safetensors(folder / "1.safetensors", {floats("a", {2}, 2), floats("b", {1}, 1)});
  write_safetensors(folder / "2.safetensors", {floats("c", {3}, 3)});
  const std::string index = folder / "model.safetensors.index.json";
  write_plain(index, R"({"metadata":{},"weight_map":{"a":"1.safetensors","b":"1.safetensors",)"
                     R"("c":"2.safetensors"}})");
  const SafetensorsModel model(folder.path());
  EXPECT_THAT(model.names(), ElementsAre("a", "b", "c"));
  EXPECT_EQ(model.at("c").bytes.size(), 12U);

  const auto error_of_index = [&](const std::string& content) {
    write_plain(index, content);
    return message_of<std::invalid_argument>([&] { SafetensorsModel broken(folder.path()); });
  };
  EXPECT_THAT(
      error_of_index(
          R"({"weight_map":{"a":"1.safetensors","b":"1.safetensors","d":"2.safetensors"}})"),
      HasSubstr("tensor d is missing"));
  EXPECT_THAT(error_of_index(R"({"weight_map":{"a":"1.safetensors"}})"),
              HasSubstr("tensor b isn't listed"));
  EXPECT_THAT(error_of_index(R"({"weight_map":{"a":"../1.safetensors"}})"),
              HasSubstr("plain file name"));
  for (const char* name :
       {"/1.safetensors", "..", ".", "", "x/1.safetensors", "1.safetensors\\u0000.txt"}) {
    EXPECT_THAT(error_of_index(std::string(R"({"weight_map":{"a":")") + name + "\"}}"),
                HasSubstr("plain file name"))
        << name;
  }
  EXPECT_THAT(error_of_index("{}"), HasSubstr("weight_map"));
  std::filesystem::remove(index);
  EXPECT_THAT(error_of_index("{"), HasSubstr("not valid JSON"));
  std::filesystem::remove(index);
  EXPECT_THAT(message_of<std::invalid_argument>([&] { SafetensorsModel broken(folder.path()); }),
              HasSubstr("neither model.safetensors nor"));
}

TEST(SafetensorsModel, MissingShard) {
  const TemporaryFolder folder;
  write_plain(folder / "model.safetensors.index.json", R"({"weight_map":{"a":"1.safetensors"}})");
  EXPECT_THAT(message_of<std::system_error>([&] { SafetensorsModel model(folder.path()); }),
              HasSubstr("1.safetensors"));
}

TEST(SafetensorsModel, AShardMayBeALinkWithinTheFolderOrIntoAHubCacheOnly) {
  namespace fs = std::filesystem;
  const TemporaryFolder top;
  const std::string folder = top / "models--a/snapshots/1";
  fs::create_directories(folder);
  fs::create_directories(top / "models--a/blobs");
  for (const std::string& path : {folder + "/here", top / "models--a/blobs/0", top / "outside"})
    write_safetensors(path, {floats("a", {2}, 2)});
  write_plain(folder + "/model.safetensors.index.json", R"({"weight_map":{"a":"shard"}})");
  const auto read_through_link_to = [&](const std::string& target) {
    fs::remove(folder + "/shard");
    fs::create_symlink(target, folder + "/shard");
    const SafetensorsModel model(folder);
    return model.names().size();
  };
  EXPECT_EQ(read_through_link_to("here"), 1U);
  EXPECT_EQ(read_through_link_to("../../blobs/0"), 1U);
  EXPECT_THAT(message_of<std::invalid_argument>([&] { read_through_link_to("../../../outside"); }),
              AllOf(HasSubstr("outside its folder"), HasSubstr("copy")));
}

}  // namespace
}  // namespace candor::data
