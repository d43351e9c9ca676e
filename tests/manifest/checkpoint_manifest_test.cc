// state.json: what is written is read, and nothing else is taken for it.
#include "trainer/training/checkpoint_manifest.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "data_pipeline/files/sha256.h"

namespace candor::trainer {
namespace {

CheckpointManifest example() {
  return {.state = {.step = 6,
                    .best_step = 4,
                    .best_brier = 0.25,
                    .skipped_steps = 1,
                    .identity = "abc",
                    .base_model = "model \"x\""},
          .files = {{"adapter_config.json", {.size_bytes = 700, .sha256 = "aa"}},
                    {"optimizer.safetensors", {.size_bytes = 2400, .sha256 = "bb"}}}};
}

// The text with one change, and a hash of itself that is right again.
std::string changed(const std::function<void(nlohmann::json&)>& change) {
  nlohmann::json json = nlohmann::json::parse(manifest_text(example()));
  change(json);
  json.erase("state_sha256");
  json["state_sha256"] = data::sha256_hex(json.dump());
  return json.dump();
}

std::string refusal_of(const std::string& text) {
  try {
    parse_manifest(text, "step_000006/state.json");
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return "accepted";
}

TEST(CheckpointManifest, IsReadAsItWasWritten) {
  const CheckpointManifest read = parse_manifest(manifest_text(example()), "state.json");
  EXPECT_EQ(read.state.step, 6);
  EXPECT_EQ(read.state.best_step, 4);
  EXPECT_EQ(read.state.best_brier, 0.25);
  EXPECT_EQ(read.state.skipped_steps, 1);
  EXPECT_EQ(read.state.identity, "abc");
  EXPECT_EQ(read.state.base_model, "model \"x\"");
  EXPECT_EQ(read.files, example().files);
  CheckpointManifest none_yet = example();
  none_yet.state.best_step = 0;
  EXPECT_TRUE(std::isinf(parse_manifest(manifest_text(none_yet), "state.json").state.best_brier));
}

TEST(CheckpointManifest, AnyFlippedBitIsSeen) {
  const std::string text = manifest_text(example());
  for (size_t bit = 0; bit < 8 * text.size(); ++bit) {
    std::string flipped = text;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << bit % 8));
    if (nlohmann::json::parse(flipped, nullptr, false) == nlohmann::json::parse(text))
      continue;  // white space for white space
    EXPECT_NE(refusal_of(flipped), "accepted") << "bit " << bit;
  }
}

TEST(CheckpointManifest, RefusesWhatCantBeRight) {
  using testing::HasSubstr;
  EXPECT_THAT(refusal_of("{"), HasSubstr("step_000006/state.json"));
  EXPECT_THAT(refusal_of("[]"), HasSubstr("expected a candor checkpoint of version 2"));
  EXPECT_THAT(refusal_of(changed([](nlohmann::json& json) { json["version"] = 3; })),
              HasSubstr("version 2"));
  EXPECT_THAT(refusal_of(changed([](nlohmann::json& json) { json["step"] = -1; })),
              HasSubstr("step: expected a count, got -1"));
  EXPECT_THAT(
      refusal_of(changed([](nlohmann::json& json) { json["step"] = 18446744073709551615ULL; })),
      HasSubstr("step: expected a count"));
  EXPECT_THAT(refusal_of(changed([](nlohmann::json& json) { json.erase("files"); })),
              HasSubstr("files"));
  EXPECT_THAT(refusal_of(changed([](nlohmann::json& json) {
                json["files"] = {{"a", 5}};
              })),
              testing::StartsWith("step_000006/state.json: "));
  std::string cut = manifest_text(example());
  EXPECT_THAT(refusal_of(cut.substr(0, cut.size() / 2)), HasSubstr("step_000006/state.json"));
}

}  // namespace
}  // namespace candor::trainer
