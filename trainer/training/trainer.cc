#include "trainer/training/trainer.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <stdexcept>
#include <utility>

#include "comm/comm_error.h"
#include "comm/losses_text.h"
#include "trainer/training/training_trunk.h"
#include "trainer/training/weights_agreement.h"

namespace candor::trainer {

Trainer::Trainer(const LlamaModel& model, const data::TokenData& data, TrainOptions options,
                 comm::ProcessGroup& group)
    : options_(std::move(options)),
      context_{model, data, options_, group},
      train_examples_(choose_train_examples(data, options_.settings.drop_never_right)),
      weight_of_example_(weights_by_index(train_examples_, data.examples.size())),
      plan_(train_examples_.examples, options_.seed, options_.settings.batches),
      learner_(context_),
      validator_(context_),
      points_(context_, learner_),
      step_(context_, {plan_, weight_of_example_}, learner_, points_),
      log_(context_) {
  // Stages that clash are told before the first step.
  objective_weights(options_.objective, 0, plan_.max_steps());
}

void Trainer::make_trunk() {
  std::set<int64_t> examples = plan_.examples_taken();
  examples.insert(validator_.examples().begin(), validator_.examples().end());
  trunk_ = make_training_trunk(context_, std::move(examples));
}

void Trainer::stop() {
  points_.store_before_stop();
  throw PreemptedError(
      fmt::format("stopped as asked by a signal: step {} of {} is saved; give "
                  "the same command again to go on",
                  learner_.state.step, plan_.max_steps()));
}

// As rank 0, with the files as they were after the learner's step.
void Trainer::take_over_writing() {
  if (context_.group.rank() != 0) return;
  if (options_.continuation.fence != nullptr) options_.continuation.fence->take();
  log_.become_writer(learner_.state.step);
  points_.become_writer();
}

void Trainer::go_on_from_the_step_all_have_done() {
  if (options_.hosts != nullptr)
    options_.hosts->look();  // the files may have been lost with their host
  points_.go_back();
  peak_.sum(context_.group);
  take_over_writing();
  context_.say(fmt::format("going on from step {} with {} ranks", learner_.state.step,
                           context_.group.world_size()));
}

int64_t Trainer::stop_step() const {
  const int64_t pause_at = options_.continuation.pause_at;
  return pause_at > 0 ? std::min(pause_at, plan_.max_steps()) : plan_.max_steps();
}

void Trainer::validate_if_due(StepRecord& record) {
  const bool last = record.step == plan_.max_steps();
  if (!last && record.step % options_.settings.validation.every != 0) return;
  const double done = static_cast<double>(record.step) / static_cast<double>(plan_.max_steps());
  record.validation = validator_.validate(learner_.adapter, trunk_.get(), done);
}

void Trainer::run_steps() {
  const int64_t verify_every = options_.settings.computing.verify_every;
  TrainState& state = learner_.state;
  for (int64_t step = state.step; step < stop_step(); ++step) {
    if (verify_every > 0 && step % verify_every == 0) {
      check_weights_agree(context_.model, learner_.adapter, learner_.optimizer,
                          fmt::format("step {}", step), context_.group);
    }
    auto [record, stop_asked] = step_.take(step, trunk_.get(), peak_.per_second());
    record.share_of_peak = peak_.share_seen(record.share_of_peak);
    validate_if_due(record);
    const bool best = record.validation && record.validation->tokenized_brier < state.best_brier;
    if (best) {
      state.best_brier = record.validation->tokenized_brier;
      state.best_step = record.step;
    }
    state.step = record.step;
    points_.keep();
    log_.note(record);
    const bool pause = record.step == stop_step();
    // A best step is checkpointed too, so that it is there at the end.
    if (best || pause || record.step % options_.settings.checkpoints.every == 0)
      points_.checkpoint();
    if (context_.group.rank() == 0 && options_.callbacks.on_step)
      options_.callbacks.on_step(record);
    if (stop_asked && !pause) stop();
  }
}

void Trainer::finish_run() {
  if (context_.group.rank() == 0) points_.flush();
  if (context_.group.rank() == 0 && learner_.state.step == plan_.max_steps())
    points_.write_best_adapter();
  context_.group.barrier();
}

void Trainer::tell_of_left_out_examples() const {
  if (train_examples_.left_out == 0) return;
  context_.say(fmt::format(
      "{} of {} train examples are left out: their {} responses were given {} times or more and "
      "never right (train.drop_never_right)",
      train_examples_.left_out,
      train_examples_.left_out + static_cast<int64_t>(train_examples_.examples.size()),
      train_examples_.left_out_responses, options_.settings.drop_never_right));
}

void Trainer::run_in_spite_of_losses() {
  comm::ProcessGroup& group = context_.group;
  const std::string where = "training in " + options_.outputs.checkpoints_dir;
  for (bool ranks_lost = false;; ranks_lost = true) {
    bool finished = false;
    try {
      if (ranks_lost) go_on_from_the_step_all_have_done();
      run_steps();
      finish_run();
      finished = true;
    } catch (const comm::RankLostError& error) {
      context_.say(fmt::format("WARNING: {}", error.what()));
    }
    const comm::Settled settled = group.settle(finished, where);
    if (settled.finished) return;
    context_.say("WARNING: " + comm::losses_text(settled.lost, group.world_size()));
    if (!settled.same_place)
      throw comm::GroupShrunkError(group.rank(), group.world_size(), "train", 0,
                                   "not all ranks were training when one was lost");
  }
}

TrainResult Trainer::run() {
  if (options_.continuation.resume) points_.resume();
  peak_.measure(context_.model, context_.group);
  if (learner_.state.step < stop_step()) make_trunk();
  tell_of_left_out_examples();
  peak_.sum(context_.group);
  points_.keep();
  take_over_writing();
  const StopRequest::Listener listener(options_.continuation.stop_request,
                                       [this] { points_.save_now(); });
  run_in_spite_of_losses();
  const TrainState& state = learner_.state;
  return {.steps = state.step,
          .finished = state.step == plan_.max_steps(),
          .best_step = state.best_step,
          .best_brier = state.best_brier,
          .last = validator_.last()};
}

}  // namespace candor::trainer
