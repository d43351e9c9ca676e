#include "data_pipeline/files/gguf.h"

#include <gmock/gmock.h>

#include <cmath>
#include <limits>
#include <system_error>

#include "tests/files/gguf_fixture.h"
#include "tests/files/temporary_folder.h"

namespace candor::data {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

std::string error_in_file(const std::string& bytes) {
  const TemporaryFolder folder;
  write_plain(folder / "a.gguf", bytes);
  const std::string message =
      message_of<std::invalid_argument>([&] { GgufFile file(folder / "a.gguf"); });
  EXPECT_THAT(message, HasSubstr(folder / "a.gguf"));
  return message;
}

GgufBuilder small() {
  GgufBuilder builder;
  builder.text("general.architecture", "llama")
      .u32("n", 7)
      .f32("f", 0.5F)
      .boolean("b", true)
      .texts("list", {"x", "yy"})
      .i32s("numbers", {-1, 2});
  builder.floats("one", {3, 2}, {1, 2, 3, 4, 5, 6}).floats("two", {1}, {9});
  return builder;
}

TEST(Gguf, ReadsMetadataAndTensors) {
  const TemporaryFolder folder;
  write_plain(folder / "a", small().bytes());
  const GgufFile file(folder / "a");
  EXPECT_EQ(file.version(), 3U);
  EXPECT_EQ(file.get<std::string>("general.architecture"), "llama");
  EXPECT_EQ(file.get<std::int64_t>("n"), 7);
  EXPECT_EQ(file.get<float>("f"), 0.5F);
  EXPECT_TRUE(file.get<bool>("b"));
  EXPECT_THAT(file.get<std::vector<std::string>>("list"), ElementsAre("x", "yy"));
  EXPECT_THAT(file.get<std::vector<std::int64_t>>("numbers"), ElementsAre(-1, 2));
  ASSERT_EQ(file.tensors().size(), 2U);
  ASSERT_NE(file.find_tensor("one"), nullptr);
  EXPECT_THAT(file.find_tensor("one")->shape, ElementsAre(2, 3));
  EXPECT_EQ(file.find_tensor("three"), nullptr);
  std::vector<float> values(6);
  gguf_dequantize(GgufType::F32, file.find_tensor("one")->bytes, values);
  EXPECT_THAT(values, ElementsAre(1, 2, 3, 4, 5, 6));

  EXPECT_EQ(file.find<std::int64_t>("none"), nullptr);
  EXPECT_THAT(message_of<std::invalid_argument>([&] { file.get<std::int64_t>("none"); }),
              AllOf(HasSubstr(folder / "a"), HasSubstr("none is missing")));
  EXPECT_THAT(message_of<std::invalid_argument>([&] { file.find<std::int64_t>("f"); }),
              HasSubstr("metadata f has a value of another type"));
}

TEST(Gguf, EveryTruncationIsAnError) {
  const TemporaryFolder folder;
  const std::string whole = small().bytes();
  // The last tensor is 4 bytes long; what follows is padding, which may be missing.
  for (std::size_t size = 0; size <= whole.size() - 29; ++size) {
    write_plain(folder / "a", whole.substr(0, size));
    EXPECT_THROW(GgufFile file(folder / "a"), std::invalid_argument) << size;
  }
  write_plain(folder / "a", whole.substr(0, whole.size() - 28));
  EXPECT_EQ(GgufFile(folder / "a").tensors().size(), 2U);
  EXPECT_THAT(error_in_file(whole.substr(0, whole.size() - 29)),
              HasSubstr("tensor two: the file is truncated"));
  EXPECT_THAT(error_in_file(whole.substr(0, 40)), HasSubstr("truncated or damaged"));
}

TEST(Gguf, WhatIsNoGgufOrAnotherVersion) {
  GgufBuilder builder = small();
  builder.magic = "GGML";
  EXPECT_THAT(error_in_file(builder.bytes()), HasSubstr("no GGUF file"));
  EXPECT_THAT(error_in_file(""), HasSubstr("no GGUF file"));
  builder.magic = "GGUF";
  builder.version = 1;
  EXPECT_THAT(error_in_file(builder.bytes()), HasSubstr("version 1 isn't read"));
  builder.version = 0x03000000U;
  EXPECT_THAT(error_in_file(builder.bytes()), HasSubstr("big-endian"));
  EXPECT_THROW(GgufFile file("/nonexistent/a.gguf"), std::system_error);
}

TEST(Gguf, AnnouncedSizesAreCheckedBeforeAllocation) {
  constexpr std::uint64_t kHuge = std::numeric_limits<std::uint64_t>::max() - 100;
  GgufBuilder pairs = small();
  pairs.extra_pairs = kHuge;
  EXPECT_THAT(error_in_file(pairs.bytes()), HasSubstr("truncated or damaged"));
  GgufBuilder tensors = small();
  tensors.extra_tensors = kHuge;
  EXPECT_THAT(error_in_file(tensors.bytes()),
              AllOf(HasSubstr("tensor list"), HasSubstr("truncated or damaged")));
  const std::string huge = GgufBuilder::number(kHuge);
  EXPECT_THAT(error_in_file(GgufBuilder().raw("k", 8, huge).bytes()),
              HasSubstr("metadata k: the file is truncated"));
  EXPECT_THAT(error_in_file(
                  GgufBuilder().raw("k", 9, GgufBuilder::number<std::uint32_t>(10) + huge).bytes()),
              HasSubstr("metadata k: the file is truncated"));
  EXPECT_THAT(
      error_in_file(GgufBuilder()
                        .tensor("t", {std::uint64_t{1} << 40, std::uint64_t{1} << 40}, 0, "")
                        .bytes()),
      HasSubstr("tensor t: dimension 1"));
  EXPECT_THAT(error_in_file(GgufBuilder().tensor("t", {std::uint64_t{1} << 40}, 0, "").bytes()),
              HasSubstr("tensor t: the file is truncated"));
}

TEST(Gguf, DamagedEntriesAreDistinctErrors) {
  EXPECT_THAT(error_in_file(small().u32("n", 8).bytes()),
              HasSubstr("metadata n: the key appears twice"));
  EXPECT_THAT(error_in_file(GgufBuilder().raw("k", 13, "12345678").bytes()),
              HasSubstr("unknown value type 13"));
  EXPECT_THAT(error_in_file(GgufBuilder().raw("k", 7, "\x02").bytes()),
              HasSubstr("must be 0 or 1"));
  EXPECT_THAT(error_in_file(GgufBuilder().raw("k", 10, std::string(8, '\xff')).bytes()),
              HasSubstr("too large"));
  EXPECT_THAT(
      error_in_file(GgufBuilder()
                        .raw("k", 9, GgufBuilder::number<std::uint32_t>(9) + std::string(8, '\0'))
                        .bytes()),
      HasSubstr("arrays of arrays"));
  EXPECT_THAT(error_in_file(GgufBuilder().u32("general.alignment", 24).bytes()),
              HasSubstr("no power of two"));
  EXPECT_THAT(error_in_file(small().floats("one", {1}, {1}).bytes()),
              HasSubstr("tensor one: the name appears twice"));
  EXPECT_THAT(error_in_file(small().tensor("t", {}, 0, "1234").bytes()), HasSubstr("0 dimensions"));
  EXPECT_THAT(error_in_file(small().tensor("t", {1, 1, 1, 1, 1}, 0, "1234").bytes()),
              HasSubstr("5 dimensions"));
  EXPECT_THAT(error_in_file(small().tensor("t", {0}, 0, "").bytes()),
              HasSubstr("dimension 0 is 0"));
  EXPECT_THAT(error_in_file(small().tensor("t", {256}, 12, std::string(144, 'x')).bytes()),
              AllOf(HasSubstr("Q4_K, which isn't read"), HasSubstr("Q4_1")));
  EXPECT_THAT(error_in_file(small().tensor("t", {256}, 99, std::string(144, 'x')).bytes()),
              HasSubstr("type 99"));
  EXPECT_THAT(error_in_file(small().tensor("t", {33}, 3, std::string(40, 'x')).bytes()),
              HasSubstr("don't divide into Q4_1 blocks of 32"));
  std::string misplaced = small().bytes();
  misplaced[misplaced.rfind("two") + 3 + 4 + 8 + 4] =
      33;  // the offset follows dimensions, extent and type
  EXPECT_THAT(error_in_file(misplaced), HasSubstr("no multiple of the alignment"));
}

std::vector<float> dequantized(GgufType type, const std::string& block) {
  std::vector<float> out(32);
  gguf_dequantize(type, std::as_bytes(std::span(block)), out);
  return out;
}

// Scale 0.5 (0x3800), offset -1 (0xbc00); the first byte of nibbles is 0x1f, the last 0xe0, the
// others 0.
TEST(GgufDequantize, KnownBlocks) {
  const std::string half("\x00\x38", 2), minus_one("\x00\xbc", 2),
      nibbles = '\x1f' + std::string(14, '\0') + '\xe0';
  const std::string high_bits("\x01\x00\x00\x80", 4);  // elements 0 and 31
  const auto q4_0 = dequantized(GgufType::Q4_0, half + nibbles),
             q4_1 = dequantized(GgufType::Q4_1, half + minus_one + nibbles);
  const auto q5_0 = dequantized(GgufType::Q5_0, half + high_bits + nibbles),
             q5_1 = dequantized(GgufType::Q5_1, half + minus_one + high_bits + nibbles);
  const auto at = [](const std::vector<float>& v) {
    return std::vector<float>{v[0], v[1], v[16], v[31]};
  };
  EXPECT_THAT(at(q4_0), ElementsAre(3.5F, -4.0F, -3.5F, 3.0F));
  EXPECT_THAT(at(q4_1), ElementsAre(6.5F, -1.0F, -0.5F, 6.0F));
  EXPECT_THAT(at(q5_0), ElementsAre(7.5F, -8.0F, -7.5F, 7.0F));
  EXPECT_THAT(at(q5_1), ElementsAre(14.5F, -1.0F, -0.5F, 14.0F));
  const auto q8_0 =
      dequantized(GgufType::Q8_0, half + '\x80' + '\x7f' + std::string(29, '\0') + '\x03');
  EXPECT_THAT(at(q8_0), ElementsAre(-64.0F, 63.5F, 0.0F, 1.5F));
}

TEST(GgufDequantize, SixteenBitFloats) {
  const std::string halves("\x00\x3c\x01\x00\xff\x7b\x00\x80\x00\xfc",
                           10);  // 1, the least subnormal, 65504, -0, -infinity
  std::vector<float> out(5);
  gguf_dequantize(GgufType::F16, std::as_bytes(std::span(halves)), out);
  EXPECT_THAT(
      out, ElementsAre(1.0F, 0x1p-24F, 65504.0F, -0.0F, -std::numeric_limits<float>::infinity()));
  EXPECT_TRUE(std::signbit(out[3]));
  const std::string brain("\x80\x3f\xc0\xc0", 4);
  out.resize(2);
  gguf_dequantize(GgufType::BF16, std::as_bytes(std::span(brain)), out);
  EXPECT_THAT(out, ElementsAre(1.0F, -6.0F));
  EXPECT_THROW(gguf_dequantize(GgufType::BF16, std::as_bytes(std::span(halves)), out),
               std::invalid_argument);
}

}  // namespace
}  // namespace candor::data
