// The promise of the training loop: the same adapter bytes on any number of ranks, and after a
// resume; and scores with the same digits.
#include "trainer/training/trainer.h"

#include <ATen/ATen.h>
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <filesystem>
#include <limits>
#include <nlohmann/json.hpp>

#include "comm/comm_error.h"
#include "comm/mpi_session.h"
#include "synthetic_data.h"
#include "tests/commands/candor_process.h"
#include "trainer/evaluation/scoring.h"
#include "trainer/model/adapter_files.h"
#include "trainer/training/reproducer.h"
#include "trainer/training/weights_agreement.h"

namespace candor::trainer {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using namespace testing_support;

class TrainerTest : public testing::Test {
 protected:
  TrainerTest() : all_(comm::make_mpi_process_group({.timeout_s = 120})), folder_(*all_) {}

  // Rank 0 on its own; null on the others.
  std::unique_ptr<comm::ProcessGroup> alone() { return all_->split(all_->rank() == 0 ? 0 : -1, 0); }

  TrainOptions options(const std::string& name) const {
    const std::string base = folder_.path() + "/" + name;
    TrainOptions options{
        .seed = 7,
        .lora = {
            .rank = 3, .alpha = 12, .dropout = 0.1, .modules = {"q_proj", "v_proj", "down_proj"}}};
    options.objective = {{Loss::kExpectationLogLoss, 0.4, 0}, {Loss::kTokenizedBrier, 1, 0.6}};
    options.settings.batches = {
        .max_steps = 10, .global_batch_examples = 12, .micro_batch_examples = 3};
    options.settings.update.learning_rate = {.peak = 0.01, .warmup_steps = 2};
    options.settings.checkpoints.every = 5;
    options.settings.validation.every = 4;
    options.validation_batch_examples = 4;
    options.outputs = {.checkpoints_dir = base + "/checkpoints",
                       .adapter_dir = base + "/adapter",
                       .metrics_path = base + "/metrics.jsonl",
                       .events_dir = base + "/tensorboard"};
    options.base_model.folder = "tiny";
    options.continuation.identity = "run A";
    if (all_->rank() == 0) std::filesystem::create_directories(base);
    return options;
  }

  std::string adapter_bytes(const std::string& name) const {
    return file_text(folder_.path() + "/" + name + "/adapter/adapter_model.safetensors");
  }
  std::string checkpoint_bytes(const std::string& name, int64_t step,
                               const std::string& file) const {
    return file_text(checkpoint_folder(folder_.path() + "/" + name + "/checkpoints", step) + "/" +
                     file);
  }

  std::unique_ptr<comm::ProcessGroup> all_;
  SharedFolder folder_;
  data::TokenData data_ = synthetic_data(47);
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
      EXPECT_EQ(checkpoint_bytes("together" + suffix, 10, "optimizer.safetensors"),
                checkpoint_bytes("alone" + suffix, 10, "optimizer.safetensors"));
    }
    all_->barrier();
  }
}

TEST_F(TrainerTest, ResumeFromStepFiveGivesTheBytesOfTheUnbrokenRun) {
  TrainOptions unbroken = options("unbroken");
  all_->barrier();
  Trainer(model_, data_, unbroken, *all_).run();
  const std::string whole = adapter_bytes("unbroken"),
                    last = checkpoint_bytes("unbroken", 10, "optimizer.safetensors");
  const std::string lines = file_text(unbroken.outputs.metrics_path);
  all_->barrier();
  // As if the run had been killed between steps 5 and 10, in the middle of a line.
  if (all_->rank() == 0) {
    for (const int64_t step : checkpoint_steps(unbroken.outputs.checkpoints_dir)) {
      if (step > 5)
        std::filesystem::remove_all(checkpoint_folder(unbroken.outputs.checkpoints_dir, step));
    }
    std::filesystem::remove_all(unbroken.outputs.adapter_dir);
    std::ofstream(unbroken.outputs.metrics_path) << lines.substr(0, lines.size() / 2 + 100);
  }
  all_->barrier();
  TrainOptions resumed = unbroken;
  resumed.continuation.resume = true;
  Trainer(model_, data_, resumed, *all_).run();
  EXPECT_EQ(adapter_bytes("unbroken"), whole);
  EXPECT_EQ(checkpoint_bytes("unbroken", 10, "optimizer.safetensors"), last);
  if (all_->rank() == 0) {
    std::istringstream stream(file_text(resumed.outputs.metrics_path));
    int64_t step = 0;
    for (std::string line; std::getline(stream, line);)
      EXPECT_EQ(nlohmann::json::parse(line).at("step").get<int64_t>(), ++step);
    EXPECT_EQ(step, 10);
  }
}

TEST_F(TrainerTest, PausesGiveTheBytesOfAnUnbrokenTraining) {
  const TrainOptions unbroken = options("not_paused");
  all_->barrier();
  Trainer(model_, data_, unbroken, *all_).run();
  TrainOptions paused = options("paused");
  paused.continuation.resume = true;
  for (const int64_t step : {4, 4, 7}) {  // where it is already, a pause does nothing
    paused.continuation.pause_at = step;
    const TrainResult result = Trainer(model_, data_, paused, *all_).run();
    EXPECT_EQ(result.steps, step);
    EXPECT_FALSE(result.finished);
    EXPECT_FALSE(std::filesystem::exists(paused.outputs.adapter_dir));
    EXPECT_EQ(checkpoint_steps(paused.outputs.checkpoints_dir).back(), step);
    all_->barrier();
  }
  paused.continuation.pause_at = 10;
  EXPECT_TRUE(Trainer(model_, data_, paused, *all_).run().finished);
  EXPECT_EQ(adapter_bytes("paused"), adapter_bytes("not_paused"));
  EXPECT_EQ(checkpoint_bytes("paused", 10, "optimizer.safetensors"),
            checkpoint_bytes("not_paused", 10, "optimizer.safetensors"));
  if (all_->rank() == 0) {
    const std::string lines = file_text(paused.outputs.metrics_path);
    EXPECT_EQ(std::count(lines.begin(), lines.end(), '\n'), 10);
  }
}

TEST_F(TrainerTest, ACheckpointOfAnotherRunIsRefusedAndADamagedOnePassedOver) {
  TrainOptions first = options("refuse");
  all_->barrier();
  Trainer(model_, data_, first, *all_).run();
  TrainOptions other = first;
  other.continuation.resume = true;
  other.continuation.identity = "run B";
  try {
    Trainer(model_, data_, other, *all_).run();
    FAIL() << "expected an error";
  } catch (const std::invalid_argument& error) {
    EXPECT_THAT(error.what(), HasSubstr("another run"));
  }
  const std::string whole = adapter_bytes("refuse"),
                    moments = checkpoint_bytes("refuse", 10, "optimizer.safetensors");
  other.continuation.identity = first.continuation.identity;
  std::string messages;
  other.callbacks.on_message = [&](const std::string& message) { messages += message + "\n"; };
  const auto damaged = [&](int64_t step, const std::string& file) {
    const std::string path = checkpoint_folder(first.outputs.checkpoints_dir, step) + "/" + file;
    all_->barrier();
    if (all_->rank() == 0) {
      std::string bytes = file_text(path);
      bytes[bytes.size() / 2] ^= 4;
      std::ofstream(path, std::ios::binary) << bytes;
    }
    all_->barrier();
    messages.clear();
    Trainer(model_, data_, other, *all_).run();
    if (all_->rank() == 0) {
      EXPECT_THAT(messages,
                  AllOf(HasSubstr(path), HasSubstr("damaged"), HasSubstr("but the one before")));
    }
    EXPECT_EQ(adapter_bytes("refuse"), whole) << file;
    EXPECT_EQ(checkpoint_bytes("refuse", 10, "optimizer.safetensors"), moments) << file;
  };
  for (const char* file :
       {"adapter_model.safetensors", "optimizer.safetensors", "adapter_config.json"})
    damaged(10, file);
  all_->barrier();
}

TEST_F(TrainerTest, StopsAsAskedAndGoesOnToTheSameBytes) {
  TrainOptions unbroken = options("unstopped");
  all_->barrier();
  Trainer(model_, data_, unbroken, *all_).run();
  TrainOptions stopped = options("stopped");
  StopRequest stop;
  stopped.continuation.stop_request = &stop;
  const bool asks = all_->rank() == all_->world_size() - 1;  // one rank is enough
  bool refused = false;
  stopped.lora.dropout = unbroken.lora.dropout;
  if (asks) refused = stop.request(false);
  EXPECT_FALSE(refused);  // nobody trains yet
  stopped.callbacks.on_step = [&](const StepRecord& record) {
    if (record.step == 3) stop.request(false);
  };
  all_->barrier();
  EXPECT_THROW(Trainer(model_, data_, stopped, *all_).run(), PreemptedError);
  all_->barrier();
  EXPECT_EQ(checkpoint_steps(stopped.outputs.checkpoints_dir),
            std::vector<int64_t>{4});  // asked after step 3, agreed on in step 4
  stopped.continuation.stop_request = nullptr;
  stopped.callbacks.on_step = nullptr;
  stopped.continuation.resume = true;
  all_->barrier();
  Trainer(model_, data_, stopped, *all_).run();
  EXPECT_EQ(adapter_bytes("stopped"), adapter_bytes("unstopped"));
  EXPECT_EQ(checkpoint_bytes("stopped", 10, "optimizer.safetensors"),
            checkpoint_bytes("unstopped", 10, "optimizer.safetensors"));
  all_->barrier();
}

// On its own training examples: the tiny model is random, so nothing carries over to others.
TEST_F(TrainerTest, LearnsItsExamples) {
  TrainOptions longer = options("learns");
  longer.settings.batches.max_steps = 120;
  longer.settings.validation.every = longer.settings.checkpoints.every = 120;
  longer.objective = {{Loss::kExpectationLogLoss, 1, 0}};
  longer.settings.update.learning_rate = {.peak = 0.01, .schedule = "linear", .warmup_steps = 5};
  longer.lora.rank = 8;
  longer.lora.dropout = 0;
  longer.lora.modules = {"q_proj",    "k_proj",  "v_proj",   "o_proj",
                         "gate_proj", "up_proj", "down_proj"};
  double first = 0, last = 0;
  longer.callbacks.on_step = [&](const StepRecord& record) {
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
  plain.settings.computing.gradient_sum = SumKind::kPlain;
  all_->barrier();
  EXPECT_EQ(Trainer(model_, data_, plain, *all_).run().steps, 10);
  TrainOptions wild = options("wild");
  wild.settings.update.learning_rate.peak = 1e30;
  wild.settings.update.clip_norm = 0;
  all_->barrier();
  EXPECT_THROW(Trainer(model_, data_, wild, *all_).run(), comm::NonFiniteError);
}

// A token that one example alone holds, and a model in which its embedding is NaN.
constexpr uint32_t kPoison = 50;

data::TokenData with_poison(data::TokenData data, size_t victim) {
  for (uint32_t& token : data.suffixes.ids) token = token == kPoison ? kPoison - 1 : token;
  for (uint32_t& token : data.prefixes.ids) token = token == kPoison ? kPoison - 1 : token;
  for (const uint32_t level : data.levels.ids) EXPECT_NE(level, kPoison);
  data.suffixes.ids[data.suffixes.offsets[victim]] = kPoison;
  return data;
}

LlamaModel poisoned_model(const ModelConfig& config) {
  ModelWeights weights = ModelWeights::load(kTinyModel, config, at::kFloat, at::kCPU);
  weights.head_VD = weights.head_VD.clone();  // it may be the embedding itself
  weights.embedding_VD[kPoison].fill_(std::numeric_limits<double>::quiet_NaN());
  return LlamaModel(kTinyModel, std::move(weights), at::kFloat);
}

// Also where one rank alone meets it; the others learn it, and all go on together.
TEST_F(TrainerTest, AScoreThatIsNotFiniteNamesItsExampleOnAllRanks) {
  const size_t victim = 6;
  const data::TokenData data = with_poison(data_, victim);
  const LlamaModel poisoned = poisoned_model(model_.config());
  std::vector<int64_t> examples = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13};
  try {
    score_examples(poisoned, nullptr, data, examples, {.batch_examples = 2}, *all_);
    ADD_FAILURE() << "expected an error";
  } catch (const comm::NonFiniteError& error) {
    EXPECT_THAT(error.what(), HasSubstr(data.examples[victim].id + ": the base model"));
  }
  examples.erase(examples.begin() + static_cast<int64_t>(victim));
  EXPECT_EQ(score_examples(poisoned, nullptr, data, examples, {.batch_examples = 2}, *all_)
                .examples.size(),
            13U);
}

TEST_F(TrainerTest, AStepThatIsNotFiniteNamesItsExamplesAndIsSkippedIfWanted) {
  const auto victim = static_cast<size_t>(
      StepPlan(choose_train_examples(data_, 0).examples, 7, options("").settings.batches)
          .micro_batches_of(1)[2][1]);
  const data::TokenData data = with_poison(data_, victim);
  const LlamaModel poisoned = poisoned_model(model_.config());

  TrainOptions stop = options("non_finite");
  stop.base_model = {.folder = kTinyModel, .dtype = "fp32", .products = "fp32"};
  stop.outputs.non_finite_dir = folder_.path() + "/non_finite_found";
  all_->barrier();
  try {
    Trainer(poisoned, data, stop, *all_).run();
    ADD_FAILURE() << "expected an error";
  } catch (const comm::NonFiniteError& error) {
    EXPECT_THAT(error.what(),
                AllOf(HasSubstr("step 2"), HasSubstr("micro-batch 2"),
                      HasSubstr(data.examples[victim].id), HasSubstr("candor inspect")));
  }
  all_->barrier();
  const std::string text =
      replay(stop.outputs.non_finite_dir + "/step_000002_micro_batch_2", poisoned);
  EXPECT_THAT(text, testing::ContainsRegex("example " + data.examples[victim].id +
                                           " by itself: loss -?nan  <- not finite"));
  EXPECT_THAT(text, Not(HasSubstr("gradient not finite in 0 of")));
  EXPECT_EQ(count_of("<- not finite", text), 1);

  TrainOptions skip = options("skip");
  skip.settings.update.on_non_finite = OnNonFinite::kSkip;
  skip.outputs.non_finite_dir = stop.outputs.non_finite_dir;
  int64_t skipped = 0;
  skip.callbacks.on_step = [&](const StepRecord& record) { skipped += record.skipped ? 1 : 0; };
  all_->barrier();
  EXPECT_EQ(Trainer(poisoned, data, skip, *all_).run().steps, 10);
  if (all_->rank() == 0) {
    EXPECT_GE(skipped, 1);
    EXPECT_LE(skipped, 4);  // an example comes once an epoch
  }
  const std::string whole = adapter_bytes("skip");
  EXPECT_EQ(whole.find("nan"), std::string::npos);
  // Resumed behind the skipped step: the optimizer's own count of steps is one less.
  all_->barrier();
  if (all_->rank() == 0)
    std::filesystem::remove_all(checkpoint_folder(skip.outputs.checkpoints_dir, 10));
  all_->barrier();
  skip.continuation.resume = true;
  Trainer(poisoned, data, skip, *all_).run();
  EXPECT_EQ(adapter_bytes("skip"), whole);
  all_->barrier();
}

TEST_F(TrainerTest, ARankWhoseNumbersChangedIsNamed) {
  LoraAdapter adapter(model_.config(), {}, at::kFloat);
  adapter.initialize(3);
  const AdamW optimizer(adapter.parameters(), {});
  EXPECT_NO_THROW(check_weights_agree(model_, adapter, optimizer, "step 5", *all_));
  if (all_->world_size() == 1) return;
  const int odd = all_->world_size() - 1;
  if (all_->rank() == odd) adapter.parameters()[17] += 1;
  try {
    check_weights_agree(model_, adapter, optimizer, "step 5", *all_);
    ADD_FAILURE() << "expected an error";
  } catch (const std::runtime_error& error) {
    EXPECT_THAT(error.what(), AllOf(HasSubstr("step 5"), HasSubstr("adapter"),
                                    HasSubstr(fmt::format("rank {} differs", odd))));
  }
  all_->barrier();
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
  data::TokenData none = data_;
  for (data::Example& example : none.examples) example.graded = false;
  EXPECT_THROW(Trainer(model_, none, options("none"), *all_), std::invalid_argument);
  data::TokenData no_validation = data_;
  for (data::Example& example : no_validation.examples) example.split = "train";
  EXPECT_THROW(Trainer(model_, no_validation, options("none"), *all_), std::invalid_argument);
  all_->barrier();
}

}  // namespace
}  // namespace candor::trainer
