// The pieces of the training loop: rates, optimiser, step plan, gradient against differences,
// adapter files.
#include <ATen/ATen.h>
#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <numeric>
#include <set>

#include "data_pipeline/tokens/micro_batch.h"
#include "synthetic_data.h"
#include "trainer/model/adapter_files.h"
#include "trainer/training/adamw.h"
#include "trainer/training/learning_rate.h"
#include "trainer/training/micro_batch_gradient.h"
#include "trainer/training/ranks_peak.h"
#include "trainer/training/step_plan.h"
#include "trainer/training/train_examples.h"

namespace candor::trainer {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using namespace testing_support;

std::string temporary(const std::string& name) {
  const std::string path =
      testing::TempDir() + "/candor_parts_" + std::to_string(::getpid()) + "_" + name;
  std::filesystem::remove_all(path);
  return path;
}

TEST(LearningRate, FollowsEachSchedule) {
  LearningRateOptions o{.peak = 1, .schedule = "linear", .warmup_steps = 4, .step_gamma = 0.5};
  EXPECT_DOUBLE_EQ(learning_rate_at(o, 0, 12, 3), 0.25);
  EXPECT_DOUBLE_EQ(learning_rate_at(o, 3, 12, 3), 1);
  EXPECT_DOUBLE_EQ(learning_rate_at(o, 8, 12, 3), 0.5);
  o.schedule = "cosine";
  EXPECT_NEAR(learning_rate_at(o, 8, 12, 3), 0.5, 1e-12);
  o.schedule = "constant";
  EXPECT_DOUBLE_EQ(learning_rate_at(o, 11, 12, 3), 1);
  o = {.peak = 1, .schedule = "step", .step_gamma = 0.5};
  EXPECT_DOUBLE_EQ(learning_rate_at(o, 2, 12, 3), 1);
  EXPECT_DOUBLE_EQ(learning_rate_at(o, 7, 12, 3), 0.25);
  o.schedule = "exponential";
  EXPECT_THROW(learning_rate_at(o, 0, 12, 3), std::invalid_argument);
}

TEST(LearningRate, WarmupEndsBeforeTheRun) {
  check_warmup({.warmup_steps = 0}, 1, 1);
  check_warmup({.warmup_steps = 11}, 12, 4);
  try {
    check_warmup({.warmup_steps = 12}, 12, 4);
    FAIL() << "accepted";
  } catch (const std::invalid_argument& error) {
    EXPECT_THAT(error.what(),
                AllOf(HasSubstr("train.warmup_steps: expected less than the 12 steps of the run"),
                      HasSubstr("got 12")));
  }
}

TEST(AdamW, MatchesTheFormula) {
  at::Tensor p = at::tensor({1.0, -2.0}, at::kDouble);
  AdamW optimizer(p, {.beta1 = 0.9, .beta2 = 0.99, .epsilon = 1e-8, .weight_decay = 0.1});
  double w = 1.0, m = 0, v = 0;
  for (int step = 1; step <= 3; ++step) {
    const double g = 0.5 * step;
    optimizer.step(at::tensor({g, 0.0}, at::kDouble), 0.01);
    m = 0.9 * m + 0.1 * g;
    v = 0.99 * v + 0.01 * g * g;
    w -= 0.01 * 0.1 * w;
    w -=
        0.01 * (m / (1 - std::pow(0.9, step))) / (std::sqrt(v / (1 - std::pow(0.99, step))) + 1e-8);
    EXPECT_NEAR(p[0].item<double>(), w, 1e-9);
  }
  EXPECT_THROW(optimizer.restore(at::zeros({3}), at::zeros({3}), 1), std::invalid_argument);
}

TEST(ClipGradient, ScalesToTheNormAndReturnsTheOldOne) {
  at::Tensor g = at::tensor({3.0F, 4.0F});
  EXPECT_DOUBLE_EQ(clip_gradient(g, 0), 5);
  EXPECT_FLOAT_EQ(g[1].item<float>(), 4);
  EXPECT_DOUBLE_EQ(clip_gradient(g, 1), 5);
  EXPECT_FLOAT_EQ(g[1].item<float>(), 0.8F);
}

TEST(StepPlan, EveryEpochTakesEveryExampleOnce) {
  std::vector<int64_t> examples;
  for (int64_t i = 0; i < 23; ++i) examples.push_back(100 + i);
  const StepPlan plan(examples, 5, {0, 2, 8, 3});
  EXPECT_EQ(plan.steps_per_epoch(), 3);
  EXPECT_EQ(plan.max_steps(), 6);
  for (int64_t epoch = 0; epoch < 2; ++epoch) {
    std::multiset<int64_t> seen;
    for (int64_t step = 0; step < 3; ++step) {
      for (const auto& micro_batch : plan.micro_batches_of(epoch * 3 + step))
        seen.insert(micro_batch.begin(), micro_batch.end());
    }
    EXPECT_EQ(seen, std::multiset<int64_t>(examples.begin(), examples.end()));
  }
  EXPECT_THROW(StepPlan({}, 5, {0, 2, 8, 3}), std::invalid_argument);
  EXPECT_THROW(StepPlan(examples, 5, {0, 0, 8, 3}), std::invalid_argument);
}

TEST(StepPlan, SaysWhatTheStepsTake) {
  std::vector<int64_t> examples;
  for (int64_t i = 0; i < 23; ++i) examples.push_back(100 + i);
  for (const int64_t max_steps : {1, 2, 3, 7}) {
    const StepPlan plan(examples, 5, {max_steps, 0, 8, 3});
    std::set<int64_t> taken;
    for (int64_t step = 0; step < max_steps; ++step) {
      for (const auto& micro_batch : plan.micro_batches_of(step))
        taken.insert(micro_batch.begin(), micro_batch.end());
    }
    EXPECT_EQ(plan.examples_taken(), taken) << max_steps;
  }
  // Steps may be asked for in any order.
  const StepPlan plan(examples, 5, {6, 0, 8, 3});
  const auto last = plan.micro_batches_of(5), first = plan.micro_batches_of(0);
  EXPECT_EQ(StepPlan(examples, 5, {6, 0, 8, 3}).micro_batches_of(0), first);
  EXPECT_EQ(plan.micro_batches_of(5), last);
}

// A plan that shuffled the epoch for every step would take most of an hour here.
TEST(StepPlan, OfAMillionExamplesIsLinear) {
  constexpr int64_t kExamples = 1'000'000;
  std::vector<int64_t> examples(kExamples);
  std::iota(examples.begin(), examples.end(), int64_t{0});
  const StepPlan plan(examples, 5, {0, 2, 8, 4});
  EXPECT_EQ(plan.max_steps(), 2 * kExamples / 8);
  EXPECT_EQ(plan.examples_taken().size(), static_cast<size_t>(kExamples));
  std::vector<int> times(kExamples, 0);
  for (int64_t step = 0; step < plan.max_steps(); ++step) {
    for (const auto& micro_batch : plan.micro_batches_of(step)) {
      for (const int64_t example : micro_batch) ++times[static_cast<size_t>(example)];
    }
  }
  EXPECT_EQ(std::count(times.begin(), times.end(), 2), kExamples);
  EXPECT_EQ(StepPlan(examples, 5, {kExamples / 16, 0, 8, 4}).examples_taken().size(),
            static_cast<size_t>(kExamples / 2));
}

// The whole objective through the model, against central differences in fp64, for every loss and
// with the LM term.
TEST(MicroBatchGradient, MatchesDifferences) {
  const LlamaModel model(kTinyModel, at::kDouble);
  const data::TokenData data = synthetic_data(5);
  LoraAdapter adapter(model.config(),
                      {.rank = 2,
                       .alpha = 4,
                       .dropout = 0.2,
                       .modules = {"q_proj", "o_proj", "up_proj"},
                       .layers = {.begin = 1}},
                      at::kDouble);
  adapter.initialize(3);
  adapter.parameters().add_(at::sin(at::arange(adapter.parameters().numel(), at::kDouble)),
                            0.05);  // B isn't zero
  const std::vector<int64_t> examples = {0, 1, 2, 3};
  for (const bool share : {false, true}) {
    const data::MicroBatch batch = data::make_micro_batch(data, examples, share);
    for (const Loss loss :
         {Loss::kTokenizedBrier, Loss::kExpectationLogLoss, Loss::kMeanBrier, Loss::kSoftTarget}) {
      const GradientOptions options{.losses = {{loss, 0.7}, {Loss::kMeanBrier, 0.3}},
                                    .lm_weight_per_token = 0.25,
                                    .dropout_key = 99,
                                    .level_ids = data.levels.ids,
                                    .weight_B = {0.5, 2, 1, 0}};
      at::Tensor gradient = at::zeros_like(adapter.parameters());
      add_micro_batch_gradient(model, adapter, batch, options, gradient);
      for (int64_t i = 0; i < gradient.numel(); i += 37) {
        at::Tensor scratch = at::zeros_like(gradient);
        const double old = adapter.parameters()[i].item<double>(), h = 1e-5;
        adapter.parameters()[i] = old + h;
        const double up = add_micro_batch_gradient(model, adapter, batch, options, scratch);
        adapter.parameters()[i] = old - h;
        const double down = add_micro_batch_gradient(model, adapter, batch, options, scratch);
        adapter.parameters()[i] = old;
        EXPECT_NEAR(gradient[i].item<double>(), (up - down) / (2 * h), 2e-7)
            << "element " << i << " loss " << static_cast<int>(loss);
      }
    }
  }
}

// Examples 0..19 of one data set; response and target as given.
data::TokenData data_with_responses(const std::vector<std::pair<uint32_t, float>>& responses) {
  data::TokenData data = synthetic_data(static_cast<int>(responses.size()));
  for (size_t i = 0; i < responses.size(); ++i) {
    data::Example& example = data.examples[i];
    example.split = "train";
    example.target = responses[i].second;
    uint32_t* const suffix = data.suffixes.ids.data() + data.suffixes.offsets[i];
    std::fill(suffix + example.response_begin, suffix + example.response_end, responses[i].first);
  }
  return data;
}

TEST(TrainExamples, LeavesOutResponsesThatAreNeverRightAndKeepsTheBaseRate) {
  // Response 11: three times, never right. 12: twice, never right. 13: four times, once right.
  data::TokenData data = data_with_responses(
      {{11, 0}, {12, 0}, {13, 0}, {11, 0}, {13, 1}, {12, 0}, {11, 0}, {13, 0}, {13, 0}, {14, 1}});
  const TrainExamples all = choose_train_examples(data, 0);
  EXPECT_EQ(all.examples.size(), 10U);
  EXPECT_EQ(all.weight, std::vector<double>(10, 1.0));
  const TrainExamples chosen = choose_train_examples(data, 3);
  EXPECT_EQ(chosen.examples, (std::vector<int64_t>{1, 2, 4, 5, 7, 8, 9}));
  EXPECT_EQ(chosen.left_out, 3);
  EXPECT_EQ(chosen.left_out_responses, 1);
  double sum = 0, right = 0;
  for (size_t i = 0; i < chosen.examples.size(); ++i) {
    sum += chosen.weight[i];
    right += chosen.weight[i] *
             static_cast<double>(data.examples[static_cast<size_t>(chosen.examples[i])].target);
  }
  EXPECT_NEAR(sum, 7, 1e-12) << "mean 1";
  EXPECT_NEAR(right / sum, 0.2, 1e-12) << "two of ten were right";

  // The same response in another data set is another response; an ungraded one doesn't count.
  data.examples[6].dataset = "other";
  EXPECT_EQ(choose_train_examples(data, 3).left_out, 0);
  data.examples[6].dataset = data.examples[0].dataset;
  data.examples[6].graded = false;
  EXPECT_EQ(choose_train_examples(data, 3).left_out, 0);
  // If nothing wrong would be left, there is nothing to tell apart.
  EXPECT_EQ(choose_train_examples(data_with_responses({{11, 0}, {11, 0}, {14, 1}}), 2).left_out, 0);
}

TEST(AdapterFiles, ComeBackAsTheyWereAndRefuseWhatDoesNotFit) {
  const ModelConfig config = ModelConfig::from_model_dir(kTinyModel);
  LoraAdapter adapter(config,
                      {.rank = 2,
                       .alpha = 4.5,
                       .dropout = 0,
                       .rslora = true,
                       .modules = {"v_proj", "gate_proj"},
                       .layers = {1, 3}},
                      at::kFloat);
  adapter.initialize(1);
  const std::string folder = temporary("adapter");
  write_adapter(folder, adapter, "tiny");
  const LoraAdapter back = read_adapter(folder, config, at::kFloat);
  EXPECT_TRUE(at::equal(back.parameters(), adapter.parameters()));
  EXPECT_EQ(back.options().layers.begin, 1);
  EXPECT_TRUE(back.options().rslora);
  EXPECT_DOUBLE_EQ(back.scale(), adapter.scale());

  const auto error_with = [&](const std::string& from, const std::string& to) -> std::string {
    const std::string path = folder + "/adapter_config.json", text = file_text(path);
    std::string changed = text;
    changed.replace(changed.find(from), from.size(), to);
    std::ofstream(path) << changed;
    std::string message = "no error";
    try {
      read_adapter(folder, config, at::kFloat);
    } catch (const std::invalid_argument& error) {
      message = error.what();
    }
    std::ofstream(path) << text;
    return message;
  };
  EXPECT_THAT(error_with("\"LORA\"", "\"IA3\""),
              AllOf(HasSubstr("adapter_config.json"), HasSubstr("LORA")));
  EXPECT_THAT(error_with("\"use_dora\": false", "\"use_dora\": true"), HasSubstr("use_dora"));
  EXPECT_THAT(error_with("\"r\": 2", "\"r\": 3"), HasSubstr("shape"));
  EXPECT_THAT(error_with("\"r\": 2", "\"rr\": 2"), HasSubstr("lora_alpha"));
  EXPECT_THAT(error_with("\"v_proj\"", "\"k_proj\""), HasSubstr("missing"));
  EXPECT_THAT(
      error_with("\"layers_to_transform\": [", "\"layers_to_transform\": [9223372036854775807,"),
      HasSubstr("expected layers in 0.."));
  std::filesystem::remove(folder + "/adapter_model.safetensors");
  EXPECT_THROW(read_adapter(folder, config, at::kFloat), std::system_error);
}

TEST(RanksPeak, TellsNoShareAboveOne) {
  RanksPeak peak;
  EXPECT_EQ(peak.share_seen(.4), .4);
  EXPECT_EQ(peak.share_seen(2.42), 1);  // it was measured beside other work
  EXPECT_EQ(peak.share_seen(.4), .4);
}

}  // namespace
}  // namespace candor::trainer
