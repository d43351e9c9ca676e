#include "trainer/training/training_points.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <filesystem>
#include <stdexcept>
#include <utility>

#include "data_pipeline/files/file_error.h"
#include "trainer/model/adapter_files.h"

namespace candor::trainer {
namespace {

// A best step that was pruned is none: it was beaten by a later one, which is found again.
std::string damage_of_checkpoint_and_best(const std::string& checkpoints, int64_t step) {
  if (std::string damage = checkpoint_damage(checkpoints, step); !damage.empty()) return damage;
  const int64_t best = checkpoint_best_step(checkpoints, step);
  return best > 0 && best != step && std::filesystem::exists(checkpoint_folder(checkpoints, best))
             ? checkpoint_damage(checkpoints, best, /*adapter_only=*/true)
             : "";
}

// -1 where there is none.
int64_t newest_whole_checkpoint(const TrainContext& context) {
  const std::string& checkpoints = context.options.outputs.checkpoints_dir;
  const std::vector<int64_t> steps = checkpoint_steps(checkpoints);
  for (auto step = steps.rbegin(); step != steps.rend(); ++step) {
    const std::string damage = damage_of_checkpoint_and_best(checkpoints, *step);
    if (damage.empty()) return *step;
    context.say(fmt::format("WARNING: {}: this checkpoint isn't used{}", damage,
                            step + 1 == steps.rend() ? "" : ", but the one before"));
  }
  return -1;
}

CheckpointWriterOptions writer_options(const TrainOptions& options) {
  return {.checkpoints = options.outputs.checkpoints_dir,
          .keep = options.settings.checkpoints.keep,
          .before_rename = [fence = options.continuation.fence] {
            if (fence != nullptr) fence->check();
          }};
}

}  // namespace

TrainingPoints::TrainingPoints(const TrainContext& context, Learner& learner)
    : context_(context),
      learner_(learner),
      writer_(writer_options(context.options), learner.adapter) {}

std::shared_ptr<const TrainingSnapshot> TrainingPoints::snapshot_now() const {
  return std::make_shared<const TrainingSnapshot>(
      training_snapshot(learner_.state, learner_.adapter, learner_.optimizer));
}

void TrainingPoints::resume() {
  // Rank 0 looks, so that all ranks start from the same step on a file system that is slow to show
  // new files.
  at::Tensor newest = at::full({1}, int64_t{-1}, at::TensorOptions().dtype(at::kLong));
  if (context_.group.rank() == 0) newest.fill_(newest_whole_checkpoint(context_));
  context_.group.broadcast(newest, 0);
  const auto step = newest.item<int64_t>();
  if (step < 0) {
    context_.say("no checkpoint yet: starting from step 0");
    return;
  }
  const TrainOptions& options = context_.options;
  const std::string& checkpoints = options.outputs.checkpoints_dir;
  if (options.hosts != nullptr) options.hosts->send(checkpoint_files(checkpoints, step));
  learner_.state = read_checkpoint(checkpoints, step, options.continuation.identity,
                                   context_.model.config(), learner_.adapter, learner_.optimizer);
  context_.say(fmt::format("resuming from step {}", step));
}

void TrainingPoints::keep() {
  auto now = snapshot_now();
  const std::lock_guard lock(mutex_);
  previous_ = std::exchange(newest_, std::move(now));
}

void TrainingPoints::go_back() {
  // A rank can't be two steps ahead of another, because each step needs all of them.
  at::Tensor behind = at::tensor({-newest_->state.step}, at::kLong);
  context_.group.all_reduce_max(behind);
  const int64_t step = -behind.item<int64_t>();
  const std::shared_ptr<const TrainingSnapshot> from =
      newest_->state.step == step ? newest_ : previous_;
  if (!from || from->state.step != step)
    throw std::logic_error("the ranks are more than a step apart");
  go_back_to(*from, learner_.state, learner_.adapter, learner_.optimizer);
  {
    const std::lock_guard lock(mutex_);
    newest_ = previous_ = from;
  }
  writer_.forget_after(step);
}

void TrainingPoints::save_now() {
  if (context_.group.rank() != 0) return;
  const std::lock_guard lock(mutex_);
  if (newest_->state.step > 0) writer_.submit(newest_);
}

void TrainingPoints::store_before_stop() {
  checkpoint();
  if (context_.group.rank() == 0) flush();
  context_.group.barrier();
}

void TrainingPoints::write_best_adapter() {
  const TrainOptions& options = context_.options;
  const std::string& checkpoints = options.outputs.checkpoints_dir;
  const int64_t best = learner_.state.best_step;
  if (options.continuation.fence != nullptr) options.continuation.fence->check();
  if (const std::string damage = checkpoint_damage(checkpoints, best, /*adapter_only=*/true);
      !damage.empty()) {
    throw data::FileError(damage +
                          ": it is the best one; give the same command again (train: with "
                          "--resume), it goes on from one before it");
  }
  if (options.callbacks.before_adapter) options.callbacks.before_adapter();
  const LoraAdapter adapter = read_adapter(checkpoint_folder(checkpoints, best),
                                           context_.model.config(), context_.model.dtype());
  write_adapter(options.outputs.adapter_dir, adapter, options.base_model.folder,
                options.outputs.adapter_texts);
}

}  // namespace candor::trainer
