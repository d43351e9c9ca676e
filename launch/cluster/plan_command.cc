#include "launch/cluster/plan_command.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <stdexcept>

#include "launch/config/run_paths.h"
#include "launch/progress/progress.h"
#include "trainer/kernels/gemm_peak.h"
#include "trainer/model/pass_cost.h"
#include "trainer/training/step_plan.h"
#include "trainer/training/train_examples.h"

namespace candor::launch {
namespace {

// Of the peak; what a step of configs/smollm2.yaml reached where it was measured
// (benchmarks/README.md).
constexpr double kUsualShareOfPeak = 0.6;
constexpr int64_t kStepsLookedAt = 20;

// Mean of the first steps.
struct Step {
  double micro_batches = 0, examples = 0, rows = 0, unshared_rows = 0;
  double most_rows = 0;  // of one micro-batch
  trainer::PassCost cost, unshared, base_anew, all_head_rows,
      all_last_rows;  // base_anew: what is computed once a data set computed in every step
};

class Planner {
 public:
  Planner(const RunConfig& config, const data::TokenData& data)
      : config_(config),
        data_(data),
        model_(trainer::ModelConfig::from_model_dir(config.model.path)),
        lora_(config.lora),
        examples_(trainer::choose_train_examples(data, config.train.drop_never_right).examples) {}

  const trainer::ModelConfig& model() const { return model_; }
  bool keys_values_kept() const {
    return config_.train.computing.frozen_trunk && config_.lora.acts_from_marker();
  }
  int64_t first_layer() const {
    return config_.train.computing.frozen_trunk ? lora_.layers.begin : 0;
  }
  trainer::StepPlan step_plan(int64_t micro_batch) const {
    trainer::BatchOptions batches = config_.train.batches;
    batches.micro_batch_examples = micro_batch;
    return trainer::StepPlan(examples_, static_cast<uint64_t>(config_.run.seed), batches);
  }

  Step step(int64_t micro_batch) const {
    const trainer::StepPlan plan = step_plan(micro_batch);
    const int64_t steps = std::min(kStepsLookedAt, plan.max_steps());
    Step mean;
    for (int64_t s = 0; s < steps; ++s) {
      for (const std::vector<int64_t>& members : plan.micro_batches_of(s))
        add(members, static_cast<double>(steps), mean);
    }
    return mean;
  }

  // What the frozen layers compute once: the suffixes of all examples that the run meets. Prefixes
  // are little beside them.
  trainer::PassShape trunk_shape() const {
    trainer::PassShape shape;
    for (const int64_t example :
         step_plan(config_.train.batches.micro_batch_examples).examples_taken()) {
      const auto suffix = static_cast<int64_t>(data_.suffix(static_cast<size_t>(example)).size());
      const double whole = static_cast<double>(data_.example_length(static_cast<size_t>(example))),
                   own = static_cast<double>(suffix);
      shape.rows += suffix;
      shape.scores += own * (whole - own) + own * (own + 1) / 2;
    }
    shape.head_rows = shape.rows;  // below the lowest adapted layer there is no last one
    shape.last_scores = shape.scores;
    return shape;
  }
  trainer::PassCost trunk_cost() const {
    trainer::ModelConfig below = model_;
    if (!keys_values_kept()) below.layers = first_layer();
    return trainer::forward_cost(below, trunk_shape(), 0);
  }
  int64_t adapter_numel() const {
    const trainer::LoraAdapter adapter(model_, lora_, at::kFloat, at::Device(at::kMeta));
    return adapter.parameters().numel();
  }

 private:
  void add(const std::vector<int64_t>& members, double steps, Step& mean) const {
    const bool share = config_.train.computing.share_prefix;
    const bool from_marker = config_.lora.acts_from_marker();
    const trainer::PassShape shape = trainer::pass_shape(data_, members, share, from_marker),
                             whole = trainer::pass_shape(data_, members, false, from_marker);
    const auto levels = static_cast<int64_t>(data_.levels.ids.size());
    trainer::PassShape all_last = shape;
    all_last.head_rows = shape.rows;
    all_last.last_scores = shape.scores;
    const auto add_cost = [&](trainer::PassCost& to, const trainer::PassShape& of, int64_t from,
                              int64_t head_rows, int64_t columns) {
      trainer::PassCost cost = trainer::training_cost(model_, lora_, of, from, 0);
      trainer::PassShape head = of;
      head.head_rows = head_rows;
      cost.head = trainer::training_cost(model_, lora_, head, model_.layers, columns).head;
      for (double* part : {&cost.linear, &cost.lora, &cost.attention, &cost.head}) *part /= steps;
      to += cost;
    };
    add_cost(mean.cost, shape, first_layer(), shape.head_rows, levels);
    add_cost(mean.unshared, whole, first_layer(), whole.head_rows, levels);
    if (keys_values_kept()) {
      const trainer::PassShape every_row = trainer::pass_shape(data_, members, share);
      trainer::PassCost base = trainer::forward_cost(model_, every_row, 0);
      for (double* part : {&base.linear, &base.attention}) *part /= steps;
      mean.base_anew += base;
      add_cost(mean.base_anew, shape, first_layer(), shape.head_rows, levels);
    } else {
      add_cost(mean.base_anew, shape, 0, shape.head_rows, levels);
    }
    add_cost(mean.all_head_rows, shape, first_layer(), shape.rows, model_.vocabulary);
    add_cost(mean.all_last_rows, all_last, first_layer(), shape.head_rows, levels);
    mean.micro_batches += 1 / steps;
    mean.examples += static_cast<double>(members.size()) / steps;
    mean.rows += static_cast<double>(shape.rows) / steps;
    mean.unshared_rows += static_cast<double>(whole.rows) / steps;
    mean.most_rows = std::max(mean.most_rows, static_cast<double>(shape.rows));
  }

  const RunConfig& config_;
  const data::TokenData& data_;
  trainer::ModelConfig model_;
  trainer::LoraOptions lora_;
  std::vector<int64_t> examples_;
};

at::ScalarType product_dtype(const ModelSection& model) {
  if (model.products == ProductsChoice::kBf16 ||
      (model.device == DeviceChoice::kCuda && model.dtype == WeightsDtype::kBf16))
    return at::kBFloat16;
  return model.dtype == WeightsDtype::kFp64 ? at::kDouble : at::kFloat;
}

// Of a mean, whose last bits are noise.
double whole(double count) { return std::ceil(count - 1e-6); }

std::string operations(double flops) {
  return flops >= 1e12 ? fmt::format("{:.2f} TFLOP", flops / 1e12)
                       : fmt::format("{:.1f} GFLOP", flops / 1e9);
}

std::string bytes(double count) {
  return count >= 1e9 ? fmt::format("{:.1f} GB", count / 1e9)
                      : fmt::format("{:.0f} MB", count / 1e6);
}

void print_savings(const Step& step, const Planner& planner) {
  const double total = step.cost.total();
  fmt::print(
      "  of them {:.0f} % in frozen weights, {:.0f} % in attention, {:.1f} % in the adapter, "
      "{:.1f} % in the head\n",
      100 * step.cost.linear / total, 100 * step.cost.attention / total,
      100 * step.cost.lora / total, 100 * step.cost.head / total);
  const auto without = [&](const char* what, const trainer::PassCost& cost) {
    fmt::print("  {:<62} {:>5.2f} times that\n", what, cost.total() / total);
  };
  if (planner.keys_values_kept()) {
    without("without prompts and answers computed once a data set", step.base_anew);
  } else {
    without("without the prefix computed once a micro-batch", step.unshared);
    if (planner.first_layer() > 0)
      without("without the frozen layers computed once a data set", step.base_anew);
  }
  without("with the head at every row over the whole vocabulary", step.all_head_rows);
  without("with every row in the last layer", step.all_last_rows);
}

void print_micro_batches(const RunConfig& config, const Planner& planner) {
  fmt::print(
      "micro-batches: larger ones share the prefix more often, more of them keep more ranks "
      "busy\n");
  fmt::print("  {:>22} {:>12} {:>10} {:>18}\n", "micro_batch_examples", "rows a step", "ranks",
             "operations a step");
  for (int64_t size = 1; size <= config.train.batches.global_batch_examples; size *= 2) {
    const Step step = planner.step(size);
    fmt::print("  {:>22} {:>12.0f} {:>10.0f} {:>18}{}\n", size, step.rows,
               whole(step.micro_batches), operations(step.cost.total()),
               size == config.train.batches.micro_batch_examples ? "  <- this config" : "");
  }
}

void print_memory(const RunConfig& config, const Step& step, const Planner& planner,
                  int world_size) {
  const trainer::ModelConfig& c = planner.model();
  const double of_a_number = config.model.dtype == WeightsDtype::kFp64 ? 8 : 4;
  const double of_a_weight = config.model.dtype == WeightsDtype::kBf16 ? 2 : of_a_number;
  const int64_t q_width = c.heads * c.head_size, kv_width = c.key_heads * c.head_size;
  const auto matrices = static_cast<double>(
      c.vocabulary * c.width * (c.tied_embeddings ? 1 : 2) +
      c.layers * (c.width * (2 * q_width + 2 * kv_width) + 3 * c.width * c.mlp_width));
  const auto kept_a_row =
      static_cast<double>((c.layers - planner.first_layer()) * trainer::kept_elements_per_row(c));
  const auto adapter = static_cast<double>(planner.adapter_numel());
  const double gradients = whole(step.micro_batches / world_size);
  fmt::print(
      "memory a rank: weights {}, activations of a micro-batch of {:.0f} rows {}, adapter, moments "
      "and {:.0f} micro-batches' gradients {}\n",
      bytes(matrices * of_a_weight), step.most_rows,
      bytes(step.most_rows * kept_a_row * of_a_number), gradients,
      bytes(adapter * of_a_number * (4 + gradients)));
  if (planner.first_layer() > 0 || planner.keys_values_kept()) {
    const int64_t numbers_a_row =
        c.width +
        (planner.keys_values_kept() ? (c.layers - planner.first_layer()) * 2 * kv_width : 0);
    fmt::print(
        "disk, and page cache: what the base model gives {}\n",
        bytes(static_cast<double>(planner.trunk_shape().rows * numbers_a_row) * of_a_number));
  }
}

}  // namespace

int plan_command(const RunConfig& config, RunContext& context) {
  comm::ProcessGroup& group = context.group;
  const std::string tokens = RunPaths(config.run.dir).tokens();
  if (group.rank() == 0 && !std::filesystem::exists(tokens)) {
    throw std::invalid_argument(
        fmt::format("{} isn't there yet, and the plan counts its tokens: run candor answer, grade "
                    "and prepare first",
                    tokens));
  }
  // All ranks at once, as when training.
  group.barrier();
  at::Tensor peak = at::tensor(
      {trainer::measured_gemm_peak(product_dtype(config.model), group.device())}, at::kDouble);
  group.all_reduce_sum(peak);
  if (group.rank() != 0) return 0;

  const data::TokenData data = data::read_token_file(tokens);
  const Planner planner(config, data);
  const trainer::BatchOptions& train = config.train.batches;
  const trainer::StepPlan plan = planner.step_plan(train.micro_batch_examples);
  trainer::check_warmup(config.train.update.learning_rate, plan.max_steps(),
                        plan.steps_per_epoch());
  const Step step = planner.step(train.micro_batch_examples);
  const double ranks = std::min<double>(group.world_size(), whole(step.micro_batches));
  const double usual = kUsualShareOfPeak * peak[0].item<double>() * ranks / group.world_size();
  fmt::print(
      "{} steps of {:.0f} examples in {:.0f} micro-batches: {:.0f} tokens a step, {:.0f} if every "
      "example were computed whole\n",
      plan.max_steps(), step.examples, step.micro_batches, step.rows, step.unshared_rows);
  fmt::print("a step: {}\n", operations(step.cost.total()));
  print_savings(step, planner);
  fmt::print(
      "time: {:.0f} GFLOP/s is the peak of {} ranks' matrix products, measured now; at {:.0f} % of "
      "it {:.2f} s a step, {} for all",
      peak[0].item<double>() / 1e9, group.world_size(), 100 * kUsualShareOfPeak,
      step.cost.total() / usual,
      format_duration(step.cost.total() / usual * static_cast<double>(plan.max_steps())));
  if (planner.first_layer() > 0 || planner.keys_values_kept())
    fmt::print(", and {} once for what the base model gives",
               format_duration(planner.trunk_cost().total() / usual));
  fmt::print("\n");
  if (ranks < group.world_size())
    fmt::print(
        "  {:.0f} of {} ranks have work: a smaller micro_batch_examples gives more of them some\n",
        ranks, group.world_size());
  print_memory(config, step, planner, group.world_size());
  print_micro_batches(config, planner);
  return 0;
}

}  // namespace candor::launch
