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
#include "comm/losses_text.h"
#include "data_pipeline/files/file_error.h"
#include "data_pipeline/tokens/sampler.h"
#include "trainer/evaluation/scoring.h"
#include "trainer/kernels/gemm_peak.h"
#include "trainer/model/adapter_files.h"
#include "trainer/training/weights_agreement.h"

namespace candor::trainer {
namespace {

std::vector<int64_t> first_validation_examples(const data::TokenData& data, int64_t limit) {
  std::vector<int64_t> examples = data::examples_of_split(data, "validation", /*graded_only=*/true);
  if (limit > 0 && static_cast<int64_t>(examples.size()) > limit)
    examples.resize(static_cast<size_t>(limit));
  return examples;
}

// A best step that was pruned is none: it was beaten by a later one, which is found again.
std::string damage_of_checkpoint_and_best(const std::string& checkpoints, int64_t step) {
  if (std::string damage = checkpoint_damage(checkpoints, step); !damage.empty()) return damage;
  const int64_t best = checkpoint_best_step(checkpoints, step);
  return best > 0 && best != step && std::filesystem::exists(checkpoint_folder(checkpoints, best))
             ? checkpoint_damage(checkpoints, best, /*adapter_only=*/true)
             : "";
}

bool is_tokenized_brier_alone(const std::vector<ObjectiveStage>& stages) {
  return stages.size() == 1 && stages[0].loss == Loss::kTokenizedBrier;
}

}  // namespace

Trainer::Trainer(const LlamaModel& model, const data::TokenData& data, TrainOptions options,
                 comm::ProcessGroup& group)
    : model_(model),
      data_(data),
      options_(std::move(options)),
      group_(group),
      train_examples_(choose_train_examples(data, options_.drop_never_right)),
      weight_of_example_(data.examples.size(), 0.0),
      plan_(train_examples_.examples, options_.seed, options_.global_batch_examples,
            options_.micro_batch_examples, options_.max_steps, options_.epochs),
      adapter_(model.config(), options_.lora, model.dtype(), model.device()),
      optimizer_(adapter_.parameters(), options_.adamw),
      layout_{adapter_.names(), adapter_.numels()},
      validation_examples_(first_validation_examples(data, options_.validation_examples)),
      writer_({.checkpoints = options_.checkpoints_dir,
               .keep = options_.keep_checkpoints,
               .before_rename =
                   [fence = options_.fence] {
                     if (fence != nullptr) fence->check();
                   }},
              adapter_) {
  if (validation_examples_.empty())
    throw std::invalid_argument(
        "train: the validation split has no graded example to choose the best checkpoint on; check "
        "data.questions, data.max_validation and the "
        "grader");
  objective_weights(options_.objective, 0,
                    plan_.max_steps());  // stages that clash are told before the first step
  for (size_t i = 0; i < train_examples_.examples.size(); ++i) {
    weight_of_example_[static_cast<size_t>(train_examples_.examples[i])] =
        train_examples_.weight[i];
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
  // Rank 0 looks, so that all ranks start from the same step on a file system that is slow to show
  // new files.
  at::Tensor newest = at::full({1}, int64_t{-1}, at::TensorOptions().dtype(at::kLong));
  if (group_.rank() == 0) {
    const std::vector<int64_t> steps = checkpoint_steps(options_.checkpoints_dir);
    for (auto step = steps.rbegin(); step != steps.rend() && newest.item<int64_t>() < 0; ++step) {
      const std::string damage = damage_of_checkpoint_and_best(options_.checkpoints_dir, *step);
      if (damage.empty()) newest.fill_(*step);
      if (!damage.empty())
        say(fmt::format("WARNING: {}: this checkpoint isn't used{}", damage,
                        step + 1 == steps.rend() ? "" : ", but the one before"));
    }
  }
  group_.broadcast(newest, 0);
  const auto step = newest.item<int64_t>();
  if (step < 0) {
    say("no checkpoint yet: starting from step 0");
    return;
  }
  if (options_.hosts != nullptr)
    options_.hosts->send(checkpoint_files(options_.checkpoints_dir, step));
  state_ = read_checkpoint(options_.checkpoints_dir, step, options_.identity, model_.config(),
                           adapter_, optimizer_);
  say(fmt::format("resuming from step {}", step));
}

// Of the examples that the run's steps take, and of validation.
void Trainer::make_trunk() {
  const int64_t layer = adapter_.options().layer_begin;
  const bool keys_values = !options_.lora.active_from.empty();
  if (!options_.frozen_trunk || (layer == 0 && !keys_values)) return;
  std::set<int64_t> used = plan_.examples_taken();
  if (options_.trunk_of_all) {
    const std::vector<int64_t> all = data::examples_of_split(data_, "train", /*graded_only=*/true),
                               validation = first_validation_examples(data_, 0);
    used.insert(all.begin(), all.end());
    used.insert(validation.begin(), validation.end());
  }
  used.insert(validation_examples_.begin(), validation_examples_.end());
  const std::vector<int64_t> examples(used.begin(), used.end());
  trunk_.emplace(model_, data_, examples,
                 FrozenTrunkOptions{.layer = layer,
                                    .keys_values = keys_values,
                                    .path = options_.trunk_path,
                                    .identity = options_.trunk_identity,
                                    .hosts = options_.hosts,
                                    .on_progress = options_.on_trunk},
                 group_);
  const std::string what = keys_values ? "before the marker all is the base model's"
                                       : fmt::format("layers 0-{} are frozen", layer - 1);
  say(fmt::format("{}: what {} examples give there {} {} ({:.0f} MB)", what, examples.size(),
                  trunk_->reused() ? "is read from" : "is kept in", options_.trunk_path,
                  static_cast<double>(trunk_->size_bytes()) / 1e6));
}

// On all ranks at once, as they compute when training.
void Trainer::measure_peak() {
  const bool bf16 = model_.device().is_cpu()
                        ? model_.products() == Products::kBf16
                        : model_.weights().embedding_VD.scalar_type() == at::kBFloat16;
  group_.barrier();
  my_gemm_peak_ = measured_gemm_peak(bf16 ? at::kBFloat16 : model_.dtype(), model_.device());
}

// Of all ranks that are there now.
double Trainer::sum_of_peaks() {
  at::Tensor peak = at::tensor({my_gemm_peak_}, at::kDouble);
  group_.all_reduce_sum(peak);
  return peak.item<double>();
}

ValidationFigures Trainer::validate() {
  return validation_figures(score_examples(model_, &adapter_, data_, validation_examples_,
                                           {.batch_examples = options_.validation_batch_examples,
                                            .share_prefix = options_.share_prefix,
                                            .trunk = trunk_ ? &*trunk_ : nullptr},
                                           group_)
                                .examples);
}

void Trainer::stop_if_asked() {
  if (!stop_agreed_) return;
  writer_.submit(snapshot_);
  if (group_.rank() == 0) writer_.flush();
  group_.barrier();
  throw PreemptedError(
      fmt::format("stopped as asked by a signal (SIGTERM or SIGUSR1): step {} of {} is saved; give "
                  "the same command again to go on",
                  state_.step, plan_.max_steps()));
}

// As rank 0, with the files as they were after this step.
void Trainer::take_over_writing(int64_t step) {
  if (group_.rank() != 0) return;
  if (options_.fence != nullptr) options_.fence->take();
  log_ = std::make_unique<MetricsLog>(options_.metrics_path, options_.events_dir, step);
  if (log_->last_step() + 1 < step) {
    say(
        fmt::format("WARNING: {} is damaged: its lines of steps {}-{} are lost, which only the "
                    "training curve shows",
                    options_.metrics_path, log_->last_step() + 1, step));
  }
  // The rank before this one may have been lost between the step and its line.
  if (last_record_ && last_record_->step == step && log_->last_step() < step)
    log_->write(*last_record_);
  writer_.become_writer();
}

void Trainer::go_on_from_the_step_all_have_done() {
  if (options_.hosts != nullptr)
    options_.hosts->look();  // the files may have been lost with their host
  // A rank can't be two steps ahead of another, because each step needs all of them.
  at::Tensor behind = at::tensor({-snapshot_->state.step}, at::kLong);
  group_.all_reduce_max(behind);
  const int64_t step = -behind.item<int64_t>();
  const std::shared_ptr<const TrainingSnapshot> from =
      snapshot_->state.step == step ? snapshot_ : previous_snapshot_;
  if (!from || from->state.step != step)
    throw std::logic_error("the ranks are more than a step apart");
  go_back_to(*from, state_, adapter_, optimizer_);
  {
    const std::lock_guard lock(snapshot_mutex_);
    snapshot_ = previous_snapshot_ = from;
  }
  writer_.forget_after(step);
  stop_agreed_ = false;
  gemm_peak_ = sum_of_peaks();
  take_over_writing(step);
  say(fmt::format("going on from step {} with {} ranks", step, group_.world_size()));
}

int64_t Trainer::stop_step() const {
  return options_.pause_at > 0 ? std::min(options_.pause_at, plan_.max_steps()) : plan_.max_steps();
}

void Trainer::run_steps() {
  for (int64_t step = state_.step; step < stop_step(); ++step) {
    if (options_.verify_every > 0 && step % options_.verify_every == 0) {
      check_weights_agree(model_, adapter_, optimizer_, fmt::format("step {}", step), group_);
    }
    StepRecord record = train_step(step);
    const bool last = record.step == plan_.max_steps(), pause = record.step == stop_step();
    if (last || record.step % options_.validate_every == 0) {
      record.validation = validate();
      last_validation_ = *record.validation;
      const double done = static_cast<double>(record.step) / static_cast<double>(plan_.max_steps());
      if (const auto warning = collapse_message(last_validation_, done,
                                                is_tokenized_brier_alone(options_.objective)))
        say("WARNING: " + *warning);
    }
    const bool best = record.validation && record.validation->tokenized_brier < state_.best_brier;
    if (best) {
      state_.best_brier = record.validation->tokenized_brier;
      state_.best_step = record.step;
    }
    state_.step = record.step;
    auto snapshot =
        std::make_shared<const TrainingSnapshot>(training_snapshot(state_, adapter_, optimizer_));
    {
      const std::lock_guard lock(snapshot_mutex_);
      previous_snapshot_ = std::exchange(snapshot_, std::move(snapshot));
      last_record_ = record;
    }
    if (log_) log_->write(record);
    // A best step is checkpointed too, so that it is there at the end.
    if (best || pause || record.step % options_.checkpoint_every == 0) writer_.submit(snapshot_);
    if (group_.rank() == 0 && options_.on_step) options_.on_step(record);
    if (!pause) stop_if_asked();
  }
}

void Trainer::finish_run() {
  if (group_.rank() == 0) writer_.flush();
  if (group_.rank() == 0 && state_.step == plan_.max_steps()) {
    if (options_.fence != nullptr) options_.fence->check();
    if (const std::string damage =
            checkpoint_damage(options_.checkpoints_dir, state_.best_step, /*adapter_only=*/true);
        !damage.empty()) {
      throw data::FileError(damage +
                            ": it is the best one; give the same command again (train: with "
                            "--resume), it goes on from one before it");
    }
    const LoraAdapter best =
        read_adapter(checkpoint_folder(options_.checkpoints_dir, state_.best_step), model_.config(),
                     model_.dtype());
    write_adapter(options_.adapter_dir, best, options_.base_model);
  }
  group_.barrier();
}

TrainResult Trainer::run() {
  if (options_.resume) resume();
  measure_peak();
  if (state_.step < stop_step()) make_trunk();
  if (train_examples_.left_out > 0) {
    say(fmt::format(
        "{} of {} train examples are left out: their {} responses were given {} times or more and "
        "never right (train.drop_never_right)",
        train_examples_.left_out,
        train_examples_.left_out + static_cast<int64_t>(train_examples_.examples.size()),
        train_examples_.left_out_responses, options_.drop_never_right));
  }
  gemm_peak_ = sum_of_peaks();
  snapshot_ =
      std::make_shared<const TrainingSnapshot>(training_snapshot(state_, adapter_, optimizer_));
  take_over_writing(state_.step);
  const StopRequest::Listener listener(options_.stop_request, [this] {
    if (group_.rank() != 0) return;
    const std::lock_guard lock(snapshot_mutex_);
    if (snapshot_->state.step > 0) writer_.submit(snapshot_);
  });

  const std::string where = "training in " + options_.checkpoints_dir;
  for (bool ranks_lost = false;;) {
    bool finished = false;
    try {
      if (ranks_lost) go_on_from_the_step_all_have_done();
      run_steps();
      finish_run();
      finished = true;
    } catch (const comm::RankLostError& error) {
      say(fmt::format("WARNING: {}", error.what()));
    }
    const comm::Settled settled = group_.settle(finished, where);
    if (settled.finished) break;
    say("WARNING: " + comm::losses_text(settled.lost, group_.world_size()));
    if (!settled.same_place)
      throw comm::GroupShrunkError(group_.rank(), group_.world_size(), "train", 0,
                                   "not all ranks were training when one was lost");
    ranks_lost = true;
  }
  return {.steps = state_.step,
          .finished = state_.step == plan_.max_steps(),
          .best_step = state_.best_step,
          .best_brier = state_.best_brier,
          .last = last_validation_};
}

}  // namespace candor::trainer
