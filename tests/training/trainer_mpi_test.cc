// The promise of the training loop: the same adapter bytes on any number of ranks, and after a resume; and scores with the same digits.
#include "trainer/training/trainer.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "comm/comm_error.h"
#include "comm/mpi_session.h"
#include "synthetic_data.h"
#include "trainer/evaluation/scoring.h"
#include "trainer/training/adapter_files.h"

namespace candor {
namespace {

using testing::HasSubstr;
using namespace testing_support;

class TrainerTest : public testing::Test {
 protected:
  TrainerTest() : all_(make_mpi_process_group({.timeout_s = 120})), folder_(*all_) {}

  // Rank 0 on its own; null on the others.
  std::unique_ptr<ProcessGroup> alone() { return all_->split(all_->rank() == 0 ? 0 : -1, 0); }

  TrainOptions options(const std::string& name) const {
    const std::string base = folder_.path() + "/" + name;
    TrainOptions options{.seed = 7, .lora = {.rank = 3, .alpha = 12, .dropout = 0.1, .modules = {"q_proj", "v_proj", "down_proj"}}};
    options.objective = {{Loss::kExpectationLogLoss, 0.4, 0}, {Loss::kTokenizedBrier, 1, 0.6}};
    options.max_steps = 10;
    options.global_batch_examples = 12;
    options.micro_batch_examples = 3;
    options.learning_rate = {.peak = 0.01, .warmup_steps = 2};
    options.checkpoint_every = 5;
    options.validate_every = 4;
    options.validation_batch_examples = 4;
    options.checkpoints_dir = base + "/checkpoints";
    options.adapter_dir = base + "/adapter";
    options.metrics_path = base + "/metrics.jsonl";
    options.events_dir = base + "/tensorboard";
    options.base_model = "tiny";
    options.identity = "run A";
    if (all_->rank() == 0) std::filesystem::create_directories(base);
    return options;
  }

  std::string adapter_bytes(const std::string& name) const { return file_text(folder_.path() + "/" + name + "/adapter/adapter_model.safetensors"); }
  std::string checkpoint_bytes(const std::string& name, int64_t step, const std::string& file) const {
    return file_text(checkpoint_folder(folder_.path() + "/" + name + "/checkpoints", step) + "/" + file);
  }

  std::unique_ptr<ProcessGroup> all_;
  SharedFolder folder_;
  TokenData data_ = synthetic_data(47);
  LlamaModel model_{kTinyModel, at::kFloat};
};

TEST_F(TrainerTest, AnyNumberOfRanksGivesTheSameAdapterBytes) {
  for (const double lm_weight : {0.0, 0.5}) {
    const std::string suffix = lm_weight > 0 ? "_lm" : "";
    TrainOptions together = options("together" + suffix), single = options("alone" + suffix);
    together.lm_weight = single.lm_weight = lm_weight;
    all_->barrier();
    Trainer(model_, data_, together, *all_).run();
    if (const auto group = alone()) {
      Trainer(model_, data_, single, *group).run();
      ASSERT_GT(adapter_bytes("alone" + suffix).size(), 1000U);
      EXPECT_EQ(adapter_bytes("together" + suffix), adapter_bytes("alone" + suffix));
      EXPECT_EQ(checkpoint_bytes("together" + suffix, 10, "adapter_model.safetensors"),
                checkpoint_bytes("alone" + suffix, 10, "adapter_model.safetensors"));
      EXPECT_EQ(checkpoint_bytes("together" + suffix, 10, "optimizer.safetensors"), checkpoint_bytes("alone" + suffix, 10, "optimizer.safetensors"));
    }
    all_->barrier();
  }
}

TEST_F(TrainerTest, ResumeFromStepFiveGivesTheBytesOfTheUnbrokenRun) {
  TrainOptions unbroken = options("unbroken");
  all_->barrier();
  Trainer(model_, data_, unbroken, *all_).run();
  const std::string whole = adapter_bytes("unbroken"), last = checkpoint_bytes("unbroken", 10, "optimizer.safetensors");
  const std::string lines = file_text(unbroken.metrics_path);
  all_->barrier();
  if (all_->rank() == 0) {  // as if the run had been killed between steps 5 and 10, in the middle of a line
    for (const int64_t step : checkpoint_steps(unbroken.checkpoints_dir)) {
      if (step > 5) std::filesystem::remove_all(checkpoint_folder(unbroken.checkpoints_dir, step));
    }
    std::filesystem::remove_all(unbroken.adapter_dir);
    std::ofstream(unbroken.metrics_path) << lines.substr(0, lines.size() / 2 + 100);
  }
  all_->barrier();
  TrainOptions resumed = unbroken;
  resumed.resume = true;
  Trainer(model_, data_, resumed, *all_).run();
  EXPECT_EQ(adapter_bytes("unbroken"), whole);
  EXPECT_EQ(checkpoint_bytes("unbroken", 10, "optimizer.safetensors"), last);
  if (all_->rank() == 0) {
    std::istringstream stream(file_text(resumed.metrics_path));
    int64_t step = 0;
    for (std::string line; std::getline(stream, line);) EXPECT_EQ(nlohmann::json::parse(line).at("step").get<int64_t>(), ++step);
    EXPECT_EQ(step, 10);
  }
}

TEST_F(TrainerTest, CheckpointOfAnotherRunAndDamagedOnesAreRefused) {
  TrainOptions first = options("refuse");
  all_->barrier();
  Trainer(model_, data_, first, *all_).run();
  TrainOptions other = first;
  other.resume = true;
  other.identity = "run B";
  try {
    Trainer(model_, data_, other, *all_).run();
    FAIL() << "expected an error";
  } catch (const std::invalid_argument& error) {
    EXPECT_THAT(error.what(), HasSubstr("another run"));
  }
  all_->barrier();
  const std::string weights = checkpoint_folder(first.checkpoints_dir, 10) + "/adapter_model.safetensors";
  if (all_->rank() == 0) std::filesystem::resize_file(weights, std::filesystem::file_size(weights) - 4);
  all_->barrier();
  other.identity = first.identity;
  try {
    Trainer(model_, data_, other, *all_).run();
    FAIL() << "expected an error";
  } catch (const std::invalid_argument& error) {
    EXPECT_THAT(error.what(), AllOf(HasSubstr("adapter_model.safetensors"), HasSubstr("damaged")));
  }
  all_->barrier();
}

// On its own training examples: the tiny model is random, so nothing carries over to others.
TEST_F(TrainerTest, LearnsItsExamples) {
  TrainOptions longer = options("learns");
  longer.max_steps = 120;
  longer.validate_every = longer.checkpoint_every = 120;
  longer.objective = {{Loss::kExpectationLogLoss, 1, 0}};
  longer.learning_rate = {.peak = 0.01, .schedule = "linear", .warmup_steps = 5};
  longer.lora.rank = 8;
  longer.lora.dropout = 0;
  longer.lora.modules = {"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"};
  double first = 0, last = 0;
  longer.on_step = [&](const StepRecord& record) {
    if (record.step <= 5) first += record.loss / 5;
    if (record.step > 115) last += record.loss / 5;
  };
  all_->barrier();
  Trainer(model_, data_, longer, *all_).run();
  if (all_->rank() == 0) {
    EXPECT_GT(first, 0.5);
    EXPECT_LT(last, 0.3);
  }
  all_->barrier();
}

TEST_F(TrainerTest, PlainSumTrainsTooAndNonFiniteWeightsEndAllRanks) {
  TrainOptions plain = options("plain");
  plain.reproducible_sum = false;
  all_->barrier();
  EXPECT_EQ(Trainer(model_, data_, plain, *all_).run().steps, 10);
  TrainOptions wild = options("wild");
  wild.learning_rate.peak = 1e30;
  wild.clip_norm = 0;
  all_->barrier();
  EXPECT_THROW(Trainer(model_, data_, wild, *all_).run(), NonFiniteError);
}

TEST_F(TrainerTest, ScoresHaveTheSameDigitsOnAnyNumberOfRanks) {
  std::vector<int64_t> examples;
  for (int64_t i = 0; i < 47; ++i) examples.push_back(46 - i);
  const ScoringOptions options{.batch_examples = 4, .collect_hidden = true};
  const ScoringResult together = score_examples(model_, nullptr, data_, examples, options, *all_);
  ASSERT_EQ(together.examples.size(), 47U);
  if (const auto group = alone()) {
    const ScoringResult single = score_examples(model_, nullptr, data_, examples, options, *group);
    for (size_t i = 0; i < examples.size(); ++i) {
      EXPECT_EQ(to_json_line(together.examples[i]), to_json_line(single.examples[i]));
      EXPECT_EQ(together.hidden[i], single.hidden[i]);
    }
  }
  EXPECT_EQ(together.examples[0].id, "q46");
  double sum = 0;
  for (const double p : together.examples[0].q) sum += p;
  EXPECT_NEAR(sum, 1, 1e-12);
  all_->barrier();
}

TEST_F(TrainerTest, DataThatCannotBeTrainedOnIsRefused) {
  TokenData none = data_;
  for (uint8_t& graded : none.graded) graded = 0;
  EXPECT_THROW(Trainer(model_, none, options("none"), *all_), std::invalid_argument);
  TokenData no_validation = data_;
  for (std::string& split : no_validation.split) split = "train";
  EXPECT_THROW(Trainer(model_, no_validation, options("none"), *all_), std::invalid_argument);
  all_->barrier();
}

}  // namespace
}  // namespace candor
