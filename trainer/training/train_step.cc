// Trainer::train_step: the micro-batches of one step, their sum over all ranks, and the update.
#include <ATen/ATen.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <chrono>
#include <cmath>

#include "comm/comm_error.h"
#include "data_pipeline/tokens/micro_batch.h"
#include "data_pipeline/tokens/sampler.h"
#include "trainer/model/dropout_key.h"
#include "trainer/model/pass_cost.h"
#include "trainer/training/micro_batch_gradient.h"
#include "trainer/training/reproducer.h"
#include "trainer/training/trainer.h"

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

struct Trainer::Step {
  int64_t index = 0;  // from 0
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
  std::vector<int64_t> non_finite() const {
    std::vector<int64_t> found;
    for (int64_t m = 0; m < size(); ++m) {
      if (figures[size() + m].item<double>() > 0) found.push_back(m);
    }
    return found;
  }

  GradientOptions gradient_options(size_t m, const Trainer& trainer) const {
    GradientOptions options{
        .losses = losses,
        .lm_weight_per_token = lm_weight_per_token,
        .dropout_key = dropout_key_of(trainer.options_.seed, index, static_cast<int64_t>(m)),
        .level_ids = trainer.data_.levels.ids,
        .trunk = trainer.trunk_ ? &*trainer.trunk_ : nullptr};
    for (const int64_t example : micro_batches[m])
      options.weight_B.push_back(trainer.weight_of_example_[static_cast<size_t>(example)]);
    return options;
  }
};

void Trainer::compute_micro_batches(Step& step, comm::GradientSum* sum) {
  at::Tensor of_one = at::zeros_like(step.gradient);
  step.gradient.zero_();
  for (size_t m = 0; m < step.micro_batches.size(); ++m) {
    if (step.rank_of[m] != group_.rank()) continue;
    const auto index = static_cast<int64_t>(m);
    const data::MicroBatch batch =
        data::make_micro_batch(data_, step.micro_batches[m], options_.share_prefix);
    of_one.zero_();
    const double loss =
        add_micro_batch_gradient(model_, adapter_, batch, step.gradient_options(m, *this), of_one);
    step.figures[index] = loss;
    if (!std::isfinite(loss) || !all_finite(of_one)) step.figures[step.size() + index] = 1.0;
    if (sum != nullptr) {
      sum->add(of_one);
    } else {
      step.gradient.add_(of_one);
    }
  }
}

void Trainer::sum_figures(Step& step) {
  if (options_.stop_request != nullptr && options_.stop_request->requested())
    step.figures[2 * step.size()] = 1.0;
  if (group_.rank() == 0)
    step.figures[2 * step.size() + 1] = static_cast<double>(writer_.written_step());
  group_.all_reduce_sum(step.figures);
  stop_agreed_ = step.figures[2 * step.size()].item<double>() > 0;
  writer_.written_elsewhere(static_cast<int64_t>(step.figures[2 * step.size() + 1].item<double>()));
}

// All ranks know which micro-batches they are, and rank 0 writes what shows the first of them
// again, beside the run's other files. Throws unless
// such steps are skipped.
void Trainer::report_non_finite(const Step& step) {
  const std::vector<int64_t> bad = step.non_finite();
  const auto first = static_cast<size_t>(bad[0]);
  std::vector<std::string> ids;
  for (const int64_t example : step.micro_batches[first])
    ids.push_back(data_.examples[static_cast<size_t>(example)].id);
  const std::string folder =
      fmt::format("{}/step_{:06}_micro_batch_{}", options_.non_finite_dir, step.index + 1, bad[0]);
  if (group_.rank() == 0 && !options_.non_finite_dir.empty()) {
    const GradientOptions options = step.gradient_options(first, *this);
    write_reproducer(folder,
                     {.step = step.index + 1,
                      .micro_batch = bad[0],
                      .base_model = options_.base_model,
                      .dtype = options_.model_dtype,
                      .products = options_.model_products,
                      .share_prefix = options_.share_prefix,
                      .losses = options.losses,
                      .lm_weight_per_token = options.lm_weight_per_token,
                      .dropout_key = options.dropout_key,
                      .weight_B = options.weight_B},
                     data_, step.micro_batches[first], adapter_);
  }
  const std::string what = fmt::format(
      "step {}: the loss or gradient of micro-batch {}{} holds a NaN or an infinity (loss {}; "
      "examples {}){}",
      step.index + 1, bad[0], bad.size() > 1 ? fmt::format(" and {} more", bad.size() - 1) : "",
      step.loss_of(bad[0]), fmt::join(ids, ", "),
      options_.non_finite_dir.empty()
          ? ""
          : fmt::format("; `candor inspect {}` computes it again", folder));
  if (!options_.skip_non_finite) {
    throw comm::NonFiniteError(
        fmt::format("train: {}. Are the model's weights damaged, or is train.learning_rate too "
                    "high? train.on_non_finite: skip goes on without such steps",
                    what));
  }
  if (++skipped_in_a_row_ > kMostSkippedInARow) {
    throw comm::NonFiniteError(
        fmt::format("train: {}, as in the {} steps before: this won't pass by itself", what,
                    kMostSkippedInARow));
  }
  say(fmt::format("WARNING: {}; the step is skipped", what));
}

StepRecord Trainer::train_step(int64_t index) {
  const auto start = std::chrono::steady_clock::now();
  Step step{.index = index,
            .micro_batches = plan_.micro_batches_of(index),
            .losses = objective_weights(options_.objective, index, plan_.max_steps())};
  std::vector<int64_t> tokens;
  int64_t examples = 0, rows = 0, unshared_rows = 0;
  PassCost cost;
  for (const std::vector<int64_t>& members : step.micro_batches) {
    cost += training_cost(
        model_.config(), options_.lora,
        pass_shape(data_, members, options_.share_prefix, !options_.lora.active_from.empty()),
        trunk_ ? trunk_->layer() : 0,
        has_soft_target(step.losses) ? model_.config().vocabulary
                                     : static_cast<int64_t>(data_.levels.ids.size()));
    tokens.push_back(data::micro_batch_tokens(data_, members, options_.share_prefix));
    rows += tokens.back();
    unshared_rows += data::micro_batch_tokens(data_, members, false);
    examples += static_cast<int64_t>(members.size());
  }
  step.rank_of = data::assign_micro_batches(tokens, group_.world_size());
  if (!warned_idle_ && step.size() < group_.world_size()) {
    say(
        fmt::format("warning: a step has {} micro-batches for {} ranks, so some ranks idle; a "
                    "smaller train.micro_batch_examples makes more of them",
                    step.size(), group_.world_size()));
    warned_idle_ = true;
  }
  const int64_t response = options_.lm_weight > 0 ? response_tokens(data_, step.micro_batches) : 0;
  if (response > 0)
    step.lm_weight_per_token =
        options_.lm_weight * static_cast<double>(examples) / static_cast<double>(response);

  StepRecord record{.step = index + 1, .max_steps = plan_.max_steps(), .losses = step.losses};
  step.gradient = at::zeros_like(adapter_.parameters());
  step.figures = at::zeros({2 * step.size() + 2}, at::kDouble);
  std::optional<comm::GradientSum> sum;
  if (options_.reproducible_sum) sum.emplace(group_, layout_, step.size());
  compute_micro_batches(step, sum ? &*sum : nullptr);
  sum_figures(step);
  for (int64_t m = 0; m < step.size(); ++m)
    record.loss += step.loss_of(m) / static_cast<double>(examples);
  record.learning_rate =
      learning_rate_at(options_.learning_rate, index, plan_.max_steps(), plan_.steps_per_epoch());

  record.skipped = !step.non_finite().empty();
  if (record.skipped) {
    report_non_finite(step);
    ++state_.skipped_steps;
  } else {
    skipped_in_a_row_ = 0;
    if (sum) {
      sum->finish(step.gradient);
    } else {
      group_.all_reduce_sum(step.gradient);
    }
    step.gradient.div_(static_cast<double>(examples));
    record.gradient_norm = clip_gradient(step.gradient, options_.clip_norm);
    if (!std::isfinite(record.gradient_norm)) {
      throw comm::NonFiniteError(
          fmt::format("train: step {}: the sum of the micro-batches' gradients isn't finite, "
                      "though each of them is; is "
                      "train.learning_rate too high?",
                      index + 1));
    }
    optimizer_.step(step.gradient, record.learning_rate);
  }

  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  record.examples_per_s = static_cast<double>(examples) / seconds;
  record.tokens_per_s = static_cast<double>(rows) / seconds;
  record.unshared_tokens_per_s = static_cast<double>(unshared_rows) / seconds;
  if (gemm_peak_ > 0) record.share_of_peak = cost.total() / seconds / gemm_peak_;
  return record;
}

}  // namespace candor::trainer
