// Base or adapter, whichever holds the NaN.
#include "trainer/model/non_finite_weights.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>

#include <limits>

namespace candor::trainer {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

constexpr const char* kModel = CANDOR_SOURCE_DIR "/tests/model/data/tiny";
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

class NonFiniteWeights : public testing::Test {
 protected:
  NonFiniteWeights()
      : config_(ModelConfig::from_model_dir(kModel)),
        weights_(ModelWeights::load(kModel, config_, at::kFloat, at::kCPU)),
        adapter_(config_, {.rank = 2, .modules = {"q_proj"}, .layers = {1, 3}}, at::kFloat) {
    adapter_.initialize(1);
  }
  std::string told(const LoraAdapter* adapter) const {
    return non_finite_weights(LlamaModel(kModel, weights_, at::kFloat), adapter, "do this");
  }

  ModelConfig config_;
  ModelWeights weights_;
  LoraAdapter adapter_;
};

TEST_F(NonFiniteWeights, OfNeither) {
  EXPECT_EQ(told(&adapter_),
            "neither the base model nor the adapter holds a NaN or an infinity: do this");
  EXPECT_EQ(told(nullptr), "the base model itself doesn't hold a NaN or an infinity: do this");
}

TEST_F(NonFiniteWeights, OfTheBase) {
  weights_.final_norm_D[0].fill_(kNan);
  EXPECT_THAT(told(&adapter_),
              AllOf(HasSubstr("the base model holds"), HasSubstr(" in model.norm.weight: "),
                    Not(HasSubstr("adapter"))));
  weights_.layers[1].qkv[0].fill_(std::numeric_limits<double>::infinity());
  EXPECT_THAT(told(nullptr),
              HasSubstr(" in model.layers.1.self_attn.{q,k,v}_proj.weight and 1 more tensor: "));
}

TEST_F(NonFiniteWeights, OfTheAdapter) {
  adapter_.parameters()[0].fill_(kNan);
  EXPECT_THAT(told(&adapter_), AllOf(HasSubstr("the adapter holds"),
                                     HasSubstr("layers.1.self_attn.q_proj.lora_A.weight: "),
                                     Not(HasSubstr("base model holds"))));
  EXPECT_THAT(told(nullptr), HasSubstr("doesn't hold"));
  weights_.final_norm_D[0].fill_(kNan);
  EXPECT_THAT(told(&adapter_),
              AllOf(HasSubstr("the base model holds"), HasSubstr("; the adapter holds")));
}

}  // namespace
}  // namespace candor::trainer
