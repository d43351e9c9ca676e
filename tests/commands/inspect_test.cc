#include <gmock/gmock.h>

#include <filesystem>
#include <limits>

#include "data_pipeline/files/atomic_file.h"
#include "data_pipeline/files/safetensors.h"
#include "data_pipeline/tokens/token_file.h"
#include "launch/files/inspect_command.h"
#include "tests/files/temporary_folder.h"

namespace candor::launch {
namespace {

using testing::HasSubstr;

class InspectTest : public testing::Test {
 protected:
  std::string path(const std::string& name) const { return folder_ + "/" + name; }
  void write(const std::string& name, const std::string& text) const {
    data::write_file_atomically(path(name), text);
  }
  std::string show(const std::string& name) const {
    return inspect_file(path(name), {.max_records = 1});
  }

  const data::TemporaryFolder temporary_;
  const std::string folder_ = temporary_.path();
};

TEST_F(InspectTest, Safetensors) {
  const std::vector<float> values = {3, -4, std::numeric_limits<float>::quiet_NaN()};
  data::write_safetensors(path("a.bin"),
                          {{"w", data::DType::F32, {3}, std::as_bytes(std::span(values))}},
                          {{"format", "pt"}});
  EXPECT_THAT(show("a.bin"), HasSubstr("w  F32 [3]  rms 2.887, largest 4, 1 NOT FINITE"));
  EXPECT_THAT(show("a.bin"), HasSubstr("format = pt"));
}

TEST_F(InspectTest, JsonLinesAreCountedByDatasetAndSplit) {
  write("graded.jsonl", R"({"id": "1", "dataset": "capital", "split": "test", "correct": 1})"
                        "\n"
                        R"({"id": "2", "dataset": "capital", "split": "test", "correct": 0})"
                        "\n"
                        R"({"id": "3", "dataset": "capital", "split": "test", "correct": null})"
                        "\n");
  EXPECT_THAT(show("graded.jsonl"), HasSubstr("capital / test: 3 lines, 2 graded, 0.500 correct"));
  EXPECT_THAT(show("graded.jsonl"), HasSubstr("\"id\": \"1\""));
  EXPECT_THAT(show("graded.jsonl"), testing::Not(HasSubstr("\"id\": \"2\"")));
}

TEST_F(InspectTest, TokenFileWithoutATokenizerShowsIds) {
  data::TokenData data;
  data.add_prefix(std::vector<uint32_t>{1, 2});
  data.add_example({.id = "q1",
                    .dataset = "capital",
                    .entity = "France",
                    .split = "train",
                    .prefix = 0,
                    .confidence_position = 3,
                    .marker_position = 2,
                    .response_begin = 1,
                    .response_end = 2,
                    .target = 1,
                    .graded = true},
                   std::vector<uint32_t>{10, 11, 12, 13});
  data.levels = {.ids = {32, 33}, .values = {0, 1}};
  data::write_token_file(path("tokens.h5"), data);
  EXPECT_THAT(show("tokens.h5"), HasSubstr("10[[11]]((12 13))"));
  EXPECT_THAT(show("tokens.h5"),
              HasSubstr("capital / train: 1 examples, 1 graded, mean target 1.000"));
}

TEST_F(InspectTest, Folders) {
  write("state.json", R"({"step": 5})");
  EXPECT_THAT(inspect_file(folder_, {}), HasSubstr("checkpoint " + folder_));
  EXPECT_THAT(inspect_file(folder_, {}), HasSubstr("\"step\": 5"));
}

TEST_F(InspectTest, WhatIsNotOursIsAnError) {
  write("cut.h5", "\x89HD");
  EXPECT_THROW(show("cut.h5"), std::invalid_argument);
  EXPECT_THROW(show("missing.h5"), std::system_error);
  write("empty.safetensors", "");
  EXPECT_THROW(show("empty.safetensors"), std::invalid_argument);
}

}  // namespace
}  // namespace candor::launch
