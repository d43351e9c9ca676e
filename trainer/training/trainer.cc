#include "trainer/training/trainer.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <chrono>
#include <cmath>
#include <filesystem>
#include <limits>
#include <optional>
#include <set>
#include <stdexcept>

#include "comm/comm_error.h"
#include "data_pipeline/tokens/micro_batch.h"
#include "data_pipeline/tokens/sampler.h"
#include "trainer/evaluation/scoring.h"
#include "trainer/kernels/gemm_peak.h"
#include "trainer/model/pass_cost.h"
#include "trainer/training/adapter_files.h"
#include "trainer/training/micro_batch_gradient.h"

namespace candor {
namespace {

std::vector<int64_t> first_validation_examples(const TokenData& data, int64_t limit) {
  std::vector<int64_t> examples = examples_of_split(data, "validation", /*graded_only=*/true);
  if (limit > 0 && static_cast<int64_t>(examples.size()) > limit) examples.resize(static_cast<size_t>(limit));
  return examples;
}

int64_t response_tokens(const TokenData& data, const std::vector<std::vector<int64_t>>& micro_batches) {
  int64_t tokens = 0;
  for (const std::vector<int64_t>& members : micro_batches) {
    for (const int64_t example : members) {
      const auto i = static_cast<size_t>(example);
      tokens += data.response_end[i] - data.response_begin[i];
    }
  }
  return tokens;
}

bool is_tokenized_brier_alone(const std::vector<ObjectiveStage>& stages) { return stages.size() == 1 && stages[0].loss == Loss::kTokenizedBrier; }

}  // namespace

Trainer::Trainer(const LlamaModel& model, const TokenData& data, TrainOptions options, ProcessGroup& group)
    : model_(model), data_(data), options_(std::move(options)), group_(group),
      train_examples_(choose_train_examples(data, options_.drop_never_right)), weight_of_example_(data.examples(), 0.0),
      plan_(train_examples_.examples, options_.seed, options_.global_batch_examples, options_.micro_batch_examples, options_.max_steps,
            options_.epochs),
      adapter_(model.config(), options_.lora, model.dtype(), model.device()),
      optimizer_(adapter_.parameters(), options_.adamw), layout_{adapter_.names(), adapter_.numels()},
      validation_examples_(first_validation_examples(data, options_.validation_examples)) {
  if (validation_examples_.empty())
    throw std::invalid_argument(
        "train: the validation split has no graded example to choose the best checkpoint on; check data.questions, data.max_validation and the "
        "grader");
  objective_weights(options_.objective, 0, plan_.max_steps());  // stages that clash are told before the first step
  for (size_t i = 0; i < train_examples_.examples.size(); ++i) {
    weight_of_example_[static_cast<size_t>(train_examples_.examples[i])] = train_examples_.weight[i];
  }
  adapter_.initialize(options_.seed);
  state_.identity = options_.identity;
  state_.base_model = options_.base_model;
  state_.best_brier = std::numeric_limits<double>::infinity();
}

void Trainer::say(const std::string& message) const {
  if (group_.rank() == 0 && options_.on_message) options_.on_message(message);
}

void Trainer::resume() {
  // Rank 0 looks, so that all ranks start from the same step on a file system that is slow to show new files.
  at::Tensor newest = at::full({1}, int64_t{-1}, at::TensorOptions().dtype(at::kLong));
  if (group_.rank() == 0) {
    const std::vector<int64_t> steps = checkpoint_steps(options_.checkpoints_dir);
    if (!steps.empty()) newest.fill_(steps.back());
  }
  group_.broadcast(newest, 0);
  const auto step = newest.item<int64_t>();
  if (step < 0) {
    say("no checkpoint yet: starting from step 0");
    return;
  }
  state_ = read_checkpoint(options_.checkpoints_dir, step, options_.identity, model_.config(), adapter_, optimizer_);
  say(fmt::format("resuming from step {}", step));
}

// Of the examples that the run's steps take, and of validation.
void Trainer::make_trunk() {
  const int64_t layer = adapter_.options().layer_begin;
  const bool keys_values = !options_.lora.active_from.empty();
  if (!options_.frozen_trunk || (layer == 0 && !keys_values)) return;
  std::set<int64_t> used = plan_.examples_taken();
  used.insert(validation_examples_.begin(), validation_examples_.end());
  const std::vector<int64_t> examples(used.begin(), used.end());
  trunk_.emplace(model_, data_, examples,
                 FrozenTrunkOptions{.layer = layer,
                                    .keys_values = keys_values,
                                    .path = options_.trunk_path,
                                    .identity = options_.trunk_identity,
                                    .on_progress = options_.on_trunk},
                 group_);
  const std::string what = keys_values ? "before the marker all is the base model's" : fmt::format("layers 0-{} are frozen", layer - 1);
  say(fmt::format("{}: what {} examples give there {} {} ({:.0f} MB)", what, examples.size(), trunk_->reused() ? "is read from" : "is kept in",
                  options_.trunk_path, static_cast<double>(trunk_->size_bytes()) / 1e6));
}

// On all ranks at once, as they compute when training.
void Trainer::measure_peak() {
  if (!model_.device().is_cpu()) return;
  group_.barrier();
  at::Tensor peak = at::tensor({measured_gemm_peak(model_.products() == Products::kBf16 ? at::kBFloat16 : model_.dtype())}, at::kDouble);
  group_.all_reduce_sum(peak);
  gemm_peak_ = peak.item<double>();
}

void Trainer::sum_gradients(const std::vector<std::vector<int64_t>>& micro_batches, const std::vector<int>& rank_of, int64_t step,
                            double lm_weight_per_token, const std::vector<LossWeight>& losses, at::Tensor& gradient, at::Tensor& losses_M) {
  std::optional<GradientSum> sum;
  if (options_.reproducible_sum) sum.emplace(group_, layout_, static_cast<int64_t>(micro_batches.size()));
  at::Tensor of_one = at::zeros_like(gradient);
  gradient.zero_();
  for (size_t m = 0; m < micro_batches.size(); ++m) {
    if (rank_of[m] != group_.rank()) continue;
    MicroBatch batch = make_micro_batch(data_, micro_batches[m], options_.share_prefix);
    batch.micro_batch_index = static_cast<int64_t>(m);
    std::vector<double> weight_B;
    for (const int64_t example : micro_batches[m]) weight_B.push_back(weight_of_example_[static_cast<size_t>(example)]);
    of_one.zero_();
    losses_M[static_cast<int64_t>(m)] = add_micro_batch_gradient(model_, adapter_, batch,
                                                                 {.losses = losses,
                                                                  .lm_weight_per_token = lm_weight_per_token,
                                                                  .dropout_key = dropout_key_of(options_.seed, step, static_cast<int64_t>(m)),
                                                                  .level_ids = data_.level_ids,
                                                                  .weight_B = weight_B,
                                                                  .trunk = trunk_ ? &*trunk_ : nullptr},
                                                                 of_one);
    if (sum) {
      sum->add(of_one);
    } else {
      gradient.add_(of_one);
    }
  }
  try {
    if (sum) {
      sum->finish(gradient);
    } else {
      group_.all_reduce_sum(gradient);
      if (!gradient.isfinite().all().item<bool>()) throw NonFiniteError("the gradient isn't finite");
    }
  } catch (const NonFiniteError& error) {
    throw NonFiniteError(
        fmt::format("train: step {}: {}; are the model's weights damaged, or is train.learning_rate too high?", step + 1, error.what()));
  }
  // Each element is one rank's number plus zeros: exact.
  group_.all_reduce_sum(losses_M);
}

StepRecord Trainer::train_step(int64_t step) {
  const auto start = std::chrono::steady_clock::now();
  const std::vector<std::vector<int64_t>> micro_batches = plan_.micro_batches_of(step);
  std::vector<int64_t> tokens;
  int64_t examples = 0, rows = 0, unshared_rows = 0;
  PassCost cost;
  const std::vector<LossWeight> losses = objective_weights(options_.objective, step, plan_.max_steps());
  for (const std::vector<int64_t>& members : micro_batches) {
    cost += training_cost(
        model_.config(), options_.lora, pass_shape(make_micro_batch(data_, members, options_.share_prefix), !options_.lora.active_from.empty()),
        trunk_ ? trunk_->layer() : 0, has_soft_target(losses) ? model_.config().vocabulary : static_cast<int64_t>(data_.level_ids.size()));
    tokens.push_back(micro_batch_tokens(data_, members, options_.share_prefix));
    rows += tokens.back();
    unshared_rows += micro_batch_tokens(data_, members, false);
    examples += static_cast<int64_t>(members.size());
  }
  const std::vector<int> rank_of = assign_micro_batches(tokens, group_.world_size());
  if (!warned_idle_ && static_cast<int64_t>(micro_batches.size()) < group_.world_size()) {
    say(fmt::format("warning: a step has {} micro-batches for {} ranks, so some ranks idle; a smaller train.micro_batch_examples makes more of them",
                    micro_batches.size(), group_.world_size()));
    warned_idle_ = true;
  }
  const int64_t response = options_.lm_weight > 0 ? response_tokens(data_, micro_batches) : 0;
  const double lm_weight_per_token = response > 0 ? options_.lm_weight * static_cast<double>(examples) / static_cast<double>(response) : 0;

  StepRecord record{.step = step + 1, .max_steps = plan_.max_steps()};
  record.losses = losses;
  at::Tensor gradient = at::zeros_like(adapter_.parameters());
  at::Tensor losses_M = at::zeros({static_cast<int64_t>(micro_batches.size())}, at::kDouble);
  sum_gradients(micro_batches, rank_of, step, lm_weight_per_token, record.losses, gradient, losses_M);
  gradient.div_(static_cast<double>(examples));
  for (int64_t m = 0; m < losses_M.numel(); ++m) record.loss += losses_M[m].item<double>() / static_cast<double>(examples);
  if (!std::isfinite(record.loss)) throw NonFiniteError(fmt::format("train: the loss of step {} is {}", step + 1, record.loss));
  record.gradient_norm = clip_gradient(gradient, options_.clip_norm);
  record.learning_rate = learning_rate_at(options_.learning_rate, step, plan_.max_steps(), plan_.steps_per_epoch());
  optimizer_.step(gradient, record.learning_rate);

  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  record.examples_per_s = static_cast<double>(examples) / seconds;
  record.tokens_per_s = static_cast<double>(rows) / seconds;
  record.unshared_tokens_per_s = static_cast<double>(unshared_rows) / seconds;
  if (gemm_peak_ > 0) record.share_of_peak = cost.total() / seconds / gemm_peak_;
  return record;
}

ValidationFigures Trainer::validate() {
  return validation_figures(
      score_examples(
          model_, &adapter_, data_, validation_examples_,
          {.batch_examples = options_.validation_batch_examples, .share_prefix = options_.share_prefix, .trunk = trunk_ ? &*trunk_ : nullptr}, group_)
          .examples);
}

void Trainer::save(int64_t step) {
  state_.step = step;
  if (group_.rank() == 0) {
    write_checkpoint(options_.checkpoints_dir, state_, adapter_, optimizer_);
    prune_checkpoints(options_.checkpoints_dir, options_.keep_checkpoints, state_.best_step);
  }
  group_.barrier();
}

TrainResult Trainer::run() {
  if (options_.resume) resume();
  measure_peak();
  if (state_.step < plan_.max_steps()) make_trunk();
  if (train_examples_.left_out > 0) {
    say(fmt::format("{} of {} train examples are left out: their {} responses were given {} times or more and never right (train.drop_never_right)",
                    train_examples_.left_out, train_examples_.left_out + static_cast<int64_t>(train_examples_.examples.size()),
                    train_examples_.left_out_responses, options_.drop_never_right));
  }
  std::unique_ptr<MetricsLog> log;
  if (group_.rank() == 0) log = std::make_unique<MetricsLog>(options_.metrics_path, options_.events_dir, state_.step);

  TrainResult result;
  for (int64_t step = state_.step; step < plan_.max_steps(); ++step) {
    StepRecord record = train_step(step);
    const bool last = record.step == plan_.max_steps();
    if (last || record.step % options_.validate_every == 0) {
      record.validation = validate();
      result.last = *record.validation;
      const double done = static_cast<double>(record.step) / static_cast<double>(plan_.max_steps());
      if (const auto warning = collapse_message(result.last, done, is_tokenized_brier_alone(options_.objective))) say("WARNING: " + *warning);
    }
    const bool best = record.validation && record.validation->tokenized_brier < state_.best_brier;
    if (best) {
      state_.best_brier = record.validation->tokenized_brier;
      state_.best_step = record.step;
    }
    if (log) log->write(record);
    // A best step is checkpointed too, so that it is there at the end.
    if (best || last || record.step % options_.checkpoint_every == 0) save(record.step);
    if (group_.rank() == 0 && options_.on_step) options_.on_step(record);
  }
  if (group_.rank() == 0) {
    const LoraAdapter best = read_adapter(checkpoint_folder(options_.checkpoints_dir, state_.best_step), model_.config(), model_.dtype());
    write_adapter(options_.adapter_dir, best, options_.base_model);
  }
  group_.barrier();
  result.steps = plan_.max_steps();
  result.best_step = state_.best_step;
  result.best_brier = state_.best_brier;
  return result;
}

}  // namespace candor
