// An adapter that acts from the confidence marker on: its gradient is the derivative of its loss,
// and what the base model computes of an example may come from the file or be computed on the spot.
#include <ATen/ATen.h>
#include <gmock/gmock.h>

#include "comm/mpi_session.h"
#include "synthetic_data.h"
#include "trainer/evaluation/scoring.h"
#include "trainer/training/micro_batch_gradient.h"

namespace candor::trainer {
namespace {

using namespace testing_support;

// Every example's marker is two tokens.
data::TokenData data_with_marker() {
  data::TokenData data = synthetic_data(24);
  for (size_t e = 0; e < data.examples.size(); ++e) {
    uint32_t* const suffix = data.suffixes.ids.data() + data.suffixes.offsets[e];
    suffix[data.examples[e].marker_position] = 20;
    suffix[data.examples[e].confidence_position] = 21;
  }
  data::validate_token_data(data, "test");
  return data;
}

class AloraTest : public testing::Test {
 protected:
  AloraTest() : all_(comm::make_mpi_process_group({.timeout_s = 120})), folder_(*all_) {
    adapter_.initialize(3);
    at::Tensor& weights = adapter_.parameters();
    weights.add_(at::arange(weights.numel(), weights.options()).sin(), 0.05);  // lora_B isn't zero
  }

  double loss(at::Tensor* gradient, const FrozenTrunk* trunk, bool share_prefix) const {
    const std::vector<int64_t> members = {3, 17, 8, 11};
    at::Tensor unused = at::zeros_like(adapter_.parameters());
    return add_micro_batch_gradient(
        model_, adapter_, data::make_micro_batch(data_, members, share_prefix),
        {.losses = {{Loss::kSoftTarget, 0.4}, {Loss::kTokenizedBrier, 0.6}},
         .level_ids = data_.levels.ids,
         .trunk = trunk},
        gradient == nullptr ? unused : *gradient);
  }

  std::unique_ptr<comm::ProcessGroup> all_;
  SharedFolder folder_;
  data::TokenData data_ = data_with_marker();
  LlamaModel model_{kTinyModel, at::kDouble};
  LoraAdapter adapter_{
      model_.config(),
      {.rank = 3,
       .alpha = 12,
       .dropout = 0,
       .modules = {"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"},
       .layers = {.begin = 1},
       .active_from = ActiveFrom::kConfidenceMarker,
       .marker = {20, 21}},
      at::kDouble};
};

TEST_F(AloraTest, TheGradientIsTheDerivativeOfTheLoss) {
  at::Tensor gradient = at::zeros_like(adapter_.parameters());
  loss(&gradient, nullptr, true);
  at::manual_seed(5);
  const at::Tensor before = adapter_.parameters().clone();
  for (int direction = 0; direction < 6; ++direction) {
    const at::Tensor d = at::randn_like(before);
    constexpr double kStep = 1e-5;
    adapter_.parameters().copy_(before + kStep * d);
    const double above = loss(nullptr, nullptr, true);
    adapter_.parameters().copy_(before - kStep * d);
    const double below = loss(nullptr, nullptr, true);
    const double expected = (gradient * d).sum().item<double>();
    EXPECT_NEAR((above - below) / (2 * kStep), expected, 1e-6 * std::max(1.0, std::abs(expected)));
  }
}

TEST_F(AloraTest, KeptStatesOfTheBaseModelGiveWhatComputingThemGives) {
  std::vector<int64_t> every;
  for (int64_t i = 0; i < 24; ++i) every.push_back(i);
  const FrozenTrunk trunk(model_, data_, every,
                          {.layer = 1,
                           .keys_values = true,
                           .batch_examples = 4,
                           .path = folder_.path() + "/kv",
                           .identity = "t"},
                          *all_);
  at::Tensor expected = at::zeros_like(adapter_.parameters());
  const double expected_loss = loss(&expected, nullptr, true);
  for (const bool share_prefix : {true, false}) {
    at::Tensor gradient = at::zeros_like(expected);
    EXPECT_NEAR(loss(&gradient, &trunk, share_prefix), expected_loss, 1e-12);
    EXPECT_LT(((gradient - expected).norm() / expected.norm()).item<double>(), 1e-12)
        << share_prefix;
  }
  // Scored by all ranks, the same digits; and not what an adapter that acts everywhere says.
  const ScoringResult kept = score_examples(model_, &adapter_, data_, every,
                                            {.batch_examples = 5, .trunk = &trunk}, *all_);
  const ScoringResult computed =
      score_examples(model_, &adapter_, data_, every, {.batch_examples = 5}, *all_);
  LoraOptions everywhere = adapter_.options();
  everywhere.active_from = ActiveFrom::kStart;
  LoraAdapter other(model_.config(), everywhere, at::kDouble);
  other.parameters().copy_(adapter_.parameters());
  const ScoringResult from_start =
      score_examples(model_, &other, data_, every, {.batch_examples = 5}, *all_);
  for (size_t e = 0; e < every.size(); ++e) {
    for (size_t level = 0; level < 10; ++level)
      EXPECT_NEAR(kept.examples[e].q[level], computed.examples[e].q[level], 1e-12);
    EXPECT_GT(std::abs(from_start.examples[e].q[0] - computed.examples[e].q[0]), 1e-9);
  }
}

TEST_F(AloraTest, AnExampleWithAnotherMarkerIsRefused) {
  data_.suffixes.ids[data_.suffixes.offsets[17] + data_.examples[17].confidence_position] = 22;
  EXPECT_THROW(loss(nullptr, nullptr, true), std::invalid_argument);
}

}  // namespace
}  // namespace candor::trainer
