// config.json as the model families write it.
#include "trainer/model/model_config.h"

#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

namespace candor::trainer {
namespace {

using nlohmann::json;

class ModelConfigTest : public testing::Test {
 protected:
  ModelConfigTest() : folder_(testing::TempDir() + "/candor_model_config") {
    std::filesystem::create_directories(folder_);
  }
  ~ModelConfigTest() override { std::filesystem::remove_all(folder_); }

  ModelConfig read(const json& changes) const {
    json config = {{"model_type", "llama"},    {"vocab_size", 100},      {"hidden_size", 32},
                   {"intermediate_size", 64},  {"num_hidden_layers", 2}, {"num_attention_heads", 4},
                   {"num_key_value_heads", 2}, {"rms_norm_eps", 1e-6},   {"rope_theta", 5e5}};
    config.update(changes);
    std::ofstream(folder_ + "/config.json") << config.dump();
    return ModelConfig::from_model_dir(folder_);
  }
  void expect_refused(const json& changes, const std::string& part) const {
    try {
      read(changes);
      FAIL() << "accepted " << changes;
    } catch (const std::invalid_argument& error) {
      EXPECT_THAT(error.what(), testing::AllOf(testing::HasSubstr(folder_ + "/config.json"),
                                               testing::HasSubstr(part)));
    }
  }
  std::string folder_;
};

TEST_F(ModelConfigTest, BiasesByFamily) {
  EXPECT_FALSE(read(json::object()).qkv_bias);
  EXPECT_TRUE(read({{"model_type", "qwen2"}}).qkv_bias);
  EXPECT_FALSE(read({{"model_type", "qwen2"}}).o_bias);
  const ModelConfig llama = read({{"attention_bias", true}});
  EXPECT_TRUE(llama.qkv_bias && llama.o_bias);
}

TEST_F(ModelConfigTest, TheSlidingWindowCountsWhereItIsUsed) {
  EXPECT_EQ(read({{"model_type", "mistral"}, {"sliding_window", 32768}}).sliding_window, 32768);
  EXPECT_EQ(read({{"model_type", "mistral"}, {"sliding_window", nullptr}}).sliding_window, 0);
  // As Qwen2.5-7B-Instruct writes it.
  EXPECT_EQ(
      read({{"model_type", "qwen2"}, {"sliding_window", 131072}, {"use_sliding_window", false}})
          .sliding_window,
      0);
  EXPECT_EQ(read({{"model_type", "qwen2"}, {"sliding_window", 131072}}).sliding_window, 0);
  EXPECT_EQ(read({{"model_type", "qwen2"}, {"sliding_window", 64}, {"use_sliding_window", true}})
                .sliding_window,
            64);
}

TEST_F(ModelConfigTest, TheLongestSequenceIsReadWhereItIsSaid) {
  EXPECT_EQ(read({{"max_position_embeddings", 8192}}).max_positions, 8192);
  EXPECT_EQ(read({{"max_position_embeddings", nullptr}}).max_positions, 0);
}

TEST_F(ModelConfigTest, BothStylesOfRope) {
  EXPECT_EQ(read(json::object()).rope_theta, 5e5);
  const ModelConfig newer =
      read({{"rope_theta", nullptr},
            {"rope_parameters", {{"rope_type", "default"}, {"rope_theta", 1e6}}}});
  EXPECT_EQ(newer.rope_theta, 1e6);
  EXPECT_FALSE(newer.rope_scaling.has_value());
  const json llama3 = {{"rope_type", "llama3"},
                       {"factor", 8.0},
                       {"low_freq_factor", 1.0},
                       {"high_freq_factor", 4.0},
                       {"original_max_position_embeddings", 8192}};
  EXPECT_EQ(read({{"rope_scaling", llama3}}).rope_scaling->factor, 8.0);
}

TEST_F(ModelConfigTest, RefusesWhatItCannotComputeExactly) {
  expect_refused({{"model_type", "gemma"}}, "gemma");
  expect_refused({{"mlp_bias", true}}, "mlp_bias");
  expect_refused({{"hidden_act", "gelu"}}, "hidden_act");
  expect_refused({{"rope_scaling", {{"rope_type", "yarn"}}}}, "yarn");
  expect_refused({{"num_key_value_heads", 3}}, "fit together");
  expect_refused({{"hidden_size", "32"}}, "hidden_size");
  expect_refused({{"num_hidden_layers", 0}}, "at least 1");
}

}  // namespace
}  // namespace candor::trainer
