// Every config that we ship is read without an error, resolves, and reads back as itself; the
// paper's keep the paper's values.
#include <gtest/gtest.h>

#include <filesystem>

#include "launch/config/run_config.h"

namespace candor::launch {
namespace {

const std::string kConfigs = CANDOR_SOURCE_DIR "/configs";

TEST(ShippedConfigs, AreReadAndResolve) {
  int found = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(kConfigs)) {
    if (entry.path().extension() != ".yaml" ||
        entry.path().filename().string().starts_with("sweep_"))
      continue;  // sweep_config_test reads those
    ++found;
    const RunConfig config = read_run_config(entry.path().string());
    EXPECT_EQ(parse_run_config(to_yaml(config), "resolved"), config) << entry.path();
  }
  EXPECT_GE(found, 5);
}

TEST(ShippedConfigs, TheMainJobIsComparedWithThePapersRecipeAndTheQuickstartIsFast) {
  EXPECT_EQ(read_run_config(kConfigs + "/smollm2.yaml").compare_objectives,
            std::vector<std::string>{"tokenized_brier"});
  EXPECT_TRUE(read_run_config(kConfigs + "/quickstart.yaml").compare_objectives.empty());
}

TEST(ShippedConfigs, PapersRecipes) {
  const RunConfig llama = read_run_config(kConfigs + "/paper/llama31.yaml"),
                  qwen = read_run_config(kConfigs + "/paper/qwen25.yaml"),
                  ministral = read_run_config(kConfigs + "/paper/ministral.yaml");
  for (const RunConfig& config : {llama, qwen, ministral}) {
    ASSERT_EQ(config.objective.size(), 1U);
    EXPECT_EQ(config.objective[0].loss, trainer::Loss::kTokenizedBrier);
    EXPECT_EQ(config.lora.modules, (std::vector<std::string>{"q_proj", "v_proj"}));
    EXPECT_EQ(config.train.update.learning_rate.schedule, "step");
    EXPECT_DOUBLE_EQ(config.train.update.learning_rate.step_gamma, 0.85);
  }
  EXPECT_EQ(llama.prompt.scale, 100);
  EXPECT_EQ(qwen.prompt.scale, 9);
  EXPECT_DOUBLE_EQ(llama.objective_lm_weight, 1);
  EXPECT_EQ(qwen.train.batches.global_batch_examples, 24);
  EXPECT_EQ(qwen.train.batches.epochs, 3);
  EXPECT_DOUBLE_EQ(ministral.train.update.learning_rate.peak, 3e-5);
}

}  // namespace
}  // namespace candor::launch
