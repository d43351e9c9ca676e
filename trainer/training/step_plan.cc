#include "trainer/training/step_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <span>
#include <stdexcept>

#include "data_pipeline/tokens/micro_batch.h"
#include "data_pipeline/tokens/sampler.h"

namespace candor::trainer {

StepPlan::StepPlan(std::vector<int64_t> examples, uint64_t seed, const BatchOptions& options)
    : examples_(std::move(examples)), seed_(seed), options_(options) {
  if (examples_.empty())
    throw std::invalid_argument(
        "train: the train split has no graded example; check data.questions, data.max_train and "
        "the grader");
  if (options_.global_batch_examples < 1 || options_.micro_batch_examples < 1) {
    throw std::invalid_argument(
        fmt::format("train: expected at least 1 for global_batch_examples and "
                    "micro_batch_examples, got {} and {}",
                    options_.global_batch_examples, options_.micro_batch_examples));
  }
  const auto count = static_cast<int64_t>(examples_.size());
  steps_per_epoch_ = (count + options_.global_batch_examples - 1) / options_.global_batch_examples;
  max_steps_ = options_.max_steps > 0 ? options_.max_steps : options_.epochs * steps_per_epoch_;
  if (max_steps_ < 1) throw std::invalid_argument("train: expected max_steps or epochs above 0");
}

const std::vector<int64_t>& StepPlan::order_of(int64_t epoch) const {
  if (epoch != ordered_epoch_) {
    order_ = data::epoch_order(seed_, epoch, examples_);
    ordered_epoch_ = epoch;
  }
  return order_;
}

std::vector<std::vector<int64_t>> StepPlan::micro_batches_of(int64_t step) const {
  const std::vector<int64_t>& order = order_of(step / steps_per_epoch_);
  const auto begin =
      static_cast<size_t>((step % steps_per_epoch_) * options_.global_batch_examples);
  const size_t count =
      std::min(order.size() - begin, static_cast<size_t>(options_.global_batch_examples));
  return data::cut_micro_batches(std::span(order).subspan(begin, count),
                                 options_.micro_batch_examples);
}

std::set<int64_t> StepPlan::examples_taken() const {
  if (max_steps_ >= steps_per_epoch_) return {examples_.begin(), examples_.end()};
  const std::vector<int64_t>& order = order_of(0);
  return {order.begin(), order.begin() + max_steps_ * options_.global_batch_examples};
}

}  // namespace candor::trainer
