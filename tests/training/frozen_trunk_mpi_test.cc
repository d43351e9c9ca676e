// Layers below the adapter, computed once: the same numbers as computing them in every step, and
// the same file on any number of ranks.
#include "trainer/base_cache/frozen_trunk.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>

#include <filesystem>

#include "comm/mpi_session.h"
#include "synthetic_data.h"
#include "trainer/evaluation/scoring.h"
#include "trainer/training/micro_batch_gradient.h"
#include "trainer/training/trainer.h"

namespace candor::trainer {
namespace {

using namespace testing_support;

// Examples behind one prefix, behind one that continues it, and behind none.
data::TokenData data_with_prefixes() {
  data::TokenData data = synthetic_data(47);
  data.add_prefix(std::vector<uint32_t>{9, 2, 1}, /*parent=*/0);
  for (size_t i = 0; i < data.examples.size(); ++i)
    data.examples[i].prefix = i % 3 == 1 ? 1 : i % 5 == 3 ? -1 : 0;
  data::validate_token_data(data, "test");
  return data;
}

class FrozenTrunkTest : public testing::Test {
 protected:
  FrozenTrunkTest() : all_(comm::make_mpi_process_group({.timeout_s = 120})), folder_(*all_) {
    for (int64_t i = 0; i < 47; ++i) every_.push_back(i);
  }

  std::unique_ptr<comm::ProcessGroup> alone() { return all_->split(all_->rank() == 0 ? 0 : -1, 0); }
  FrozenTrunkOptions options(const std::string& name) const {
    return {
        .layer = 1, .batch_examples = 4, .path = folder_.path() + "/" + name, .identity = "tiny"};
  }

  std::unique_ptr<comm::ProcessGroup> all_;
  SharedFolder folder_;
  data::TokenData data_ = data_with_prefixes();
  LlamaModel model_{kTinyModel, at::kDouble};
  std::vector<int64_t> every_;
};

TEST_F(FrozenTrunkTest, LossAndGradientAreThoseOfComputingAllLayers) {
  const FrozenTrunk trunk(model_, data_, every_, options("exact"), *all_);
  LoraAdapter adapter(model_.config(),
                      {.rank = 3,
                       .alpha = 12,
                       .dropout = 0.2,
                       .modules = {"q_proj", "k_proj", "o_proj", "down_proj"},
                       .layers = {.begin = 1}},
                      at::kDouble);
  adapter.initialize(3);
  at::Tensor& weights = adapter.parameters();
  weights.add_(at::arange(weights.numel(), weights.options()).sin(), 0.05);  // lora_B isn't zero
  const std::vector<int64_t> members = {30, 1, 13, 8, 3, 46};
  for (const bool share_prefix : {true, false}) {
    const data::MicroBatch batch = data::make_micro_batch(data_, members, share_prefix);
    GradientOptions gradient_options{.losses = {{Loss::kTokenizedBrier, 1.0}},
                                     .lm_weight_per_token = 0.3,
                                     .dropout_key = 5,
                                     .level_ids = data_.levels.ids};
    at::Tensor whole = at::zeros_like(weights), from_trunk = at::zeros_like(weights);
    const double loss = add_micro_batch_gradient(model_, adapter, batch, gradient_options, whole);
    gradient_options.trunk = &trunk;
    EXPECT_NEAR(add_micro_batch_gradient(model_, adapter, batch, gradient_options, from_trunk),
                loss, 1e-12 * loss);
    EXPECT_GT(whole.norm().item<double>(), 1e-3);
    EXPECT_LT((from_trunk - whole).norm().item<double>(), 1e-12 * whole.norm().item<double>())
        << share_prefix;
  }
  const ScoringResult scored =
      score_examples(model_, &adapter, data_, every_, {.batch_examples = 5}, *all_);
  const ScoringResult scored_from_trunk = score_examples(
      model_, &adapter, data_, every_, {.batch_examples = 5, .trunk = &trunk}, *all_);
  for (size_t i = 0; i < every_.size(); ++i)
    EXPECT_NEAR(scored_from_trunk.examples[i].q[3], scored.examples[i].q[3], 1e-12);
  all_->barrier();
}

TEST_F(FrozenTrunkTest, TheFileHasTheSameBytesOnAnyNumberOfRanksAndIsReadAgain) {
  const FrozenTrunk together(model_, data_, every_, options("together"), *all_);
  EXPECT_FALSE(together.reused());
  if (const auto group = alone()) {
    const FrozenTrunk single(model_, data_, every_, options("alone"), *group);
    EXPECT_GT(single.size_bytes(), 10'000);
    EXPECT_TRUE(file_text(options("together").path) == file_text(options("alone").path));
  }
  all_->barrier();
  const FrozenTrunk again(model_, data_, every_, options("together"), *all_);
  EXPECT_TRUE(again.reused());
  const data::MicroBatch batch = data::make_micro_batch(data_, std::vector<int64_t>{7, 1}, true);
  EXPECT_TRUE(again.rows(batch).equal(together.rows(batch)));
  all_->barrier();
}

TEST_F(FrozenTrunkTest, AnotherModelOtherExamplesOrADamagedFileMakeItAnew) {
  const std::string path = options("anew").path;
  const auto reused = [&](const FrozenTrunkOptions& wanted, const std::vector<int64_t>& examples) {
    const bool was = FrozenTrunk(model_, data_, examples, wanted, *all_).reused();
    all_->barrier();
    return was;
  };
  FrozenTrunkOptions wanted = options("anew");
  EXPECT_FALSE(reused(wanted, every_));
  EXPECT_TRUE(reused(wanted, every_));
  wanted.identity = "another model";
  EXPECT_FALSE(reused(wanted, every_));
  EXPECT_FALSE(reused(wanted, {0, 1, 2}));
  wanted.layer = 2;
  EXPECT_EQ(model_.config().layers > 2, true);
  EXPECT_FALSE(reused(wanted, {0, 1, 2}));
  EXPECT_TRUE(reused(wanted, {0, 1, 2}));
  if (all_->rank() == 0) std::filesystem::resize_file(path, std::filesystem::file_size(path) - 8);
  all_->barrier();
  EXPECT_FALSE(reused(wanted, {0, 1, 2}));
}

TEST_F(FrozenTrunkTest, AnExampleThatIsNotStoredIsAnError) {
  const FrozenTrunk trunk(model_, data_, std::vector<int64_t>{0, 1}, options("few"), *all_);
  EXPECT_THROW(trunk.rows(data::make_micro_batch(data_, std::vector<int64_t>{0, 2}, true)),
               std::out_of_range);
  all_->barrier();
}

// The trainer's promise holds with it: the bytes of one rank on any number of them, and close to
// training without it.
TEST_F(FrozenTrunkTest, TrainingFromItGivesTheSameBytesOnAnyNumberOfRanks) {
  const auto train = [&](const std::string& name, bool frozen_trunk, comm::ProcessGroup& group) {
    const std::string base = folder_.path() + "/" + name;
    if (group.rank() == 0) std::filesystem::create_directories(base);
    group.barrier();
    TrainOptions options{.seed = 7,
                         .lora = {.rank = 3, .alpha = 12, .dropout = 0.1, .layers = {.begin = 1}},
                         .objective = {{Loss::kExpectationLogLoss, 1, 0}}};
    options.settings.batches.max_steps = 6;
    options.settings.batches.global_batch_examples = 12;
    options.settings.batches.micro_batch_examples = 3;
    options.settings.update.learning_rate = {.peak = 0.01};
    options.settings.computing.frozen_trunk = frozen_trunk;
    options.trunk.path = base + "/trunk.safetensors";
    options.outputs.checkpoints_dir = base + "/checkpoints";
    options.outputs.adapter_dir = base + "/adapter";
    options.outputs.metrics_path = base + "/metrics.jsonl";
    options.outputs.events_dir = base + "/tensorboard";
    Trainer(model_, data_, options, group).run();
    return file_text(base + "/checkpoints/step_000006/adapter_model.safetensors");
  };
  const std::string together = train("together", true, *all_);
  const std::string without = train("without", false, *all_);
  EXPECT_FALSE(std::filesystem::exists(folder_.path() + "/without/trunk.safetensors"));
  if (const auto group = alone()) {
    EXPECT_TRUE(train("alone", true, *group) == together);
    EXPECT_EQ(without.size(), together.size());
  }
  all_->barrier();
}

}  // namespace
}  // namespace candor::trainer
