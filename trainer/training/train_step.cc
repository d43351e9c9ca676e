#include "trainer/training/train_step.h"

#include <ATen/ATen.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <chrono>
#include <cmath>
#include <optional>

#include "comm/comm_error.h"
#include "data_pipeline/tokens/micro_batch.h"
#include "data_pipeline/tokens/sampler.h"
#include "trainer/model/dropout_key.h"
#include "trainer/model/non_finite_weights.h"
#include "trainer/model/pass_cost.h"
#include "trainer/training/reproducer.h"

namespace candor::trainer {
namespace {

// More of them one after the other aren't bad luck with single examples.
constexpr int64_t kMostSkippedInARow = 10;

int64_t response_tokens(const data::TokenData& data,
                        const std::vector<std::vector<int64_t>>& micro_batches) {
  int64_t tokens = 0;
  for (const std::vector<int64_t>& members : micro_batches) {
    for (const int64_t example : members) {
      const data::Example& of = data.examples[static_cast<size_t>(example)];
      tokens += of.response_end - of.response_begin;
    }
  }
  return tokens;
}

// A sum that is finite has only finite terms; one that isn't may still be an overflow of finite
// ones.
bool all_finite(const at::Tensor& tensor) {
  return std::isfinite(tensor.sum().item<double>()) || tensor.isfinite().all().item<bool>();
}

}  // namespace

struct TrainStep::Step {
  int64_t index = 0;  // from 0
  const FrozenTrunk* trunk = nullptr;
  std::vector<std::vector<int64_t>> micro_batches{};
  std::vector<int> rank_of{};
  std::vector<LossWeight> losses{};
  double lm_weight_per_token = 0;
  at::Tensor gradient{};
  // After compute_micro_batches this rank's, after sum_figures those of all: [M] summed losses, [M]
  // 1 where loss or gradient isn't finite, 1 for each rank that was asked to stop, and rank 0's
  // newest checkpoint. Each is one rank's number plus zeros, so exact.
  at::Tensor figures{};

  int64_t size() const { return static_cast<int64_t>(micro_batches.size()); }
  double loss_of(int64_t m) const { return figures[m].item<double>(); }
  bool stop_asked() const { return figures[2 * size()].item<double>() > 0; }
  int64_t written_step() const {
    return static_cast<int64_t>(figures[2 * size() + 1].item<double>());
  }
  std::vector<int64_t> non_finite() const {
    std::vector<int64_t> found;
    for (int64_t m = 0; m < size(); ++m) {
      if (figures[size() + m].item<double>() > 0) found.push_back(m);
    }
    return found;
  }
};

struct TrainStep::Work {
  int64_t examples = 0, rows = 0, unshared_rows = 0;
  std::vector<int64_t> tokens{};  // of each micro-batch
  PassCost cost{};

  void write_rates(double seconds, double operations_per_second, StepRecord& record) const {
    record.examples_per_s = static_cast<double>(examples) / seconds;
    record.tokens_per_s = static_cast<double>(rows) / seconds;
    record.unshared_tokens_per_s = static_cast<double>(unshared_rows) / seconds;
    if (operations_per_second > 0)
      record.share_of_peak = cost.total() / seconds / operations_per_second;
  }
};

TrainStep::TrainStep(const TrainContext& context, const Inputs& inputs, Learner& learner,
                     TrainingPoints& points)
    : context_(context),
      inputs_(inputs),
      learner_(learner),
      points_(points),
      layout_{learner.adapter.names(), learner.adapter.numels()} {}

TrainStep::Step TrainStep::plan_step(int64_t index, const FrozenTrunk* trunk) const {
  Step step{
      .index = index,
      .trunk = trunk,
      .micro_batches = inputs_.plan.micro_batches_of(index),
      .losses = objective_weights(context_.options.objective, index, inputs_.plan.max_steps()),
      .gradient = at::zeros_like(learner_.adapter.parameters())};
  step.figures = at::zeros({2 * step.size() + 2}, at::kDouble);
  return step;
}

TrainStep::Work TrainStep::work_of(const Step& step) const {
  const ModelConfig& model = context_.model.config();
  const LoraOptions& lora = context_.options.lora;
  const bool share_prefix = context_.options.settings.computing.share_prefix;
  const int64_t head_rows = has_soft_target(step.losses)
                                ? model.vocabulary
                                : static_cast<int64_t>(context_.data.levels.ids.size());
  Work work;
  for (const std::vector<int64_t>& members : step.micro_batches) {
    work.cost += training_cost(
        model, lora, pass_shape(context_.data, members, share_prefix, lora.acts_from_marker()),
        step.trunk != nullptr ? step.trunk->layer() : 0, head_rows);
    work.tokens.push_back(data::micro_batch_tokens(context_.data, members, share_prefix));
    work.rows += work.tokens.back();
    work.unshared_rows += data::micro_batch_tokens(context_.data, members, false);
    work.examples += static_cast<int64_t>(members.size());
  }
  return work;
}

void TrainStep::warn_of_idle_ranks(const Step& step) {
  const int ranks = context_.group.world_size();
  if (warned_idle_ || step.size() >= ranks) return;
  context_.say(
      fmt::format("warning: a step has {} micro-batches for {} ranks, so some ranks idle; a "
                  "smaller train.micro_batch_examples makes more of them",
                  step.size(), ranks));
  warned_idle_ = true;
}

GradientOptions TrainStep::gradient_options(const Step& step, size_t m) const {
  GradientOptions options{
      .losses = step.losses,
      .lm_weight_per_token = step.lm_weight_per_token,
      .dropout_key = dropout_key_of(context_.options.seed, step.index, static_cast<int64_t>(m)),
      .level_ids = context_.data.levels.ids,
      .trunk = step.trunk};
  for (const int64_t example : step.micro_batches[m])
    options.weight_B.push_back(inputs_.weight_of_example[static_cast<size_t>(example)]);
  return options;
}

void TrainStep::compute_micro_batches(Step& step, comm::GradientSum* sum) {
  const bool share_prefix = context_.options.settings.computing.share_prefix;
  at::Tensor of_one = at::zeros_like(step.gradient);
  for (size_t m = 0; m < step.micro_batches.size(); ++m) {
    if (step.rank_of[m] != context_.group.rank()) continue;
    const auto index = static_cast<int64_t>(m);
    const data::MicroBatch batch =
        data::make_micro_batch(context_.data, step.micro_batches[m], share_prefix);
    of_one.zero_();
    const double loss = add_micro_batch_gradient(context_.model, learner_.adapter, batch,
                                                 gradient_options(step, m), of_one);
    step.figures[index] = loss;
    if (!std::isfinite(loss) || !all_finite(of_one)) step.figures[step.size() + index] = 1.0;
    if (sum != nullptr) {
      sum->add(of_one);
    } else {
      step.gradient.add_(of_one);
    }
  }
}

void TrainStep::sum_figures(Step& step) {
  const StopRequest* stop = context_.options.continuation.stop_request;
  if (stop != nullptr && stop->requested()) step.figures[2 * step.size()] = 1.0;
  if (context_.group.rank() == 0)
    step.figures[2 * step.size() + 1] = static_cast<double>(points_.written_step());
  context_.group.all_reduce_sum(step.figures);
  points_.written_elsewhere(step.written_step());
}

// Rank 0 writes what shows the micro-batch again, beside the run's other files.
void TrainStep::write_reproducer_of(const Step& step, int64_t micro_batch,
                                    const std::string& folder) const {
  const TrainOptions& of_run = context_.options;
  if (context_.group.rank() != 0 || of_run.outputs.non_finite_dir.empty()) return;
  const auto m = static_cast<size_t>(micro_batch);
  const GradientOptions options = gradient_options(step, m);
  write_reproducer(folder,
                   {.step = step.index + 1,
                    .micro_batch = micro_batch,
                    .base_model = of_run.base_model.folder,
                    .dtype = of_run.base_model.dtype,
                    .products = of_run.base_model.products,
                    .share_prefix = of_run.settings.computing.share_prefix,
                    .losses = options.losses,
                    .lm_weight_per_token = options.lm_weight_per_token,
                    .dropout_key = options.dropout_key,
                    .weight_B = options.weight_B},
                   context_.data, step.micro_batches[m], learner_.adapter);
}

// All ranks know which micro-batches aren't finite. Throws unless such steps are skipped.
void TrainStep::skip_or_stop(const Step& step) {
  const std::string& dir = context_.options.outputs.non_finite_dir;
  const std::vector<int64_t> bad = step.non_finite();
  const std::vector<std::string> ids =
      context_.data.ids_of(step.micro_batches[static_cast<size_t>(bad[0])]);
  const std::string folder =
      fmt::format("{}/step_{:06}_micro_batch_{}", dir, step.index + 1, bad[0]);
  write_reproducer_of(step, bad[0], folder);
  const std::string what = fmt::format(
      "step {}: the loss or gradient of micro-batch {}{} holds a NaN or an infinity (loss {}; "
      "examples {}){}",
      step.index + 1, bad[0], bad.size() > 1 ? fmt::format(" and {} more", bad.size() - 1) : "",
      step.loss_of(bad[0]), fmt::join(ids, ", "),
      dir.empty() ? "" : fmt::format("; `candor inspect {}` computes it again", folder));
  if (context_.options.settings.update.on_non_finite == OnNonFinite::kStop) {
    throw comm::NonFiniteError(fmt::format(
        "train: {}; {}. train.on_non_finite: skip goes on without such steps", what,
        non_finite_weights(context_.model, &learner_.adapter, "is train.learning_rate too high?")));
  }
  if (++skipped_in_a_row_ > kMostSkippedInARow) {
    throw comm::NonFiniteError(
        fmt::format("train: {}, as in the {} steps before: this won't pass by itself", what,
                    kMostSkippedInARow));
  }
  context_.say(fmt::format("WARNING: {}; the step is skipped", what));
}

// From the micro-batches' gradients to the parameters.
void TrainStep::update(Step& step, comm::GradientSum* sum, int64_t examples, StepRecord& record) {
  if (sum != nullptr) {
    sum->finish(step.gradient);
  } else {
    context_.group.all_reduce_sum(step.gradient);
  }
  step.gradient.div_(static_cast<double>(examples));
  record.gradient_norm = clip_gradient(step.gradient, context_.options.settings.update.clip_norm);
  if (!std::isfinite(record.gradient_norm)) {
    throw comm::NonFiniteError(
        fmt::format("train: step {}: the sum of the micro-batches' gradients isn't finite, "
                    "though each of them is; is "
                    "train.learning_rate too high?",
                    record.step));
  }
  learner_.optimizer.step(step.gradient, record.learning_rate);
}

TrainStep::Outcome TrainStep::take(int64_t index, const FrozenTrunk* trunk,
                                   double operations_per_second) {
  const auto start = std::chrono::steady_clock::now();
  const TrainSettings& settings = context_.options.settings;
  const double lm_weight = context_.options.lm_weight;
  Step step = plan_step(index, trunk);
  const Work work = work_of(step);
  step.rank_of = data::assign_micro_batches(work.tokens, context_.group.world_size());
  warn_of_idle_ranks(step);
  const auto examples = static_cast<double>(work.examples);
  const int64_t response = lm_weight > 0 ? response_tokens(context_.data, step.micro_batches) : 0;
  if (response > 0) step.lm_weight_per_token = lm_weight * examples / static_cast<double>(response);

  std::optional<comm::GradientSum> sum;
  if (settings.computing.gradient_sum == SumKind::kReproducible)
    sum.emplace(context_.group, layout_, step.size());
  compute_micro_batches(step, sum ? &*sum : nullptr);
  sum_figures(step);

  StepRecord record{
      .step = index + 1,
      .max_steps = inputs_.plan.max_steps(),
      .learning_rate = learning_rate_at(settings.update.learning_rate, index,
                                        inputs_.plan.max_steps(), inputs_.plan.steps_per_epoch()),
      .losses = step.losses,
      .skipped = !step.non_finite().empty()};
  for (int64_t m = 0; m < step.size(); ++m) record.loss += step.loss_of(m) / examples;
  if (record.skipped) {
    skip_or_stop(step);
    ++learner_.state.skipped_steps;
  } else {
    skipped_in_a_row_ = 0;
    update(step, sum ? &*sum : nullptr, work.examples, record);
  }
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  work.write_rates(seconds, operations_per_second, record);
  return {std::move(record), step.stop_asked()};
}

}  // namespace candor::trainer
