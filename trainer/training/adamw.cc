#include "trainer/training/adamw.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <stdexcept>

namespace candor::trainer {

AdamW::AdamW(at::Tensor parameters, AdamWOptions options)
    : options_(options),
      parameters_(std::move(parameters)),
      first_moment_(at::zeros_like(parameters_)),
      second_moment_(at::zeros_like(parameters_)) {}

void AdamW::step(const at::Tensor& gradient, double learning_rate) {
  // The operator takes the number of this step as a tensor beside the parameters.
  const at::Tensor number =
      at::full({}, static_cast<double>(++steps_done_), parameters_.options().dtype(at::kFloat));
  at::_fused_adamw_({parameters_}, {gradient}, {first_moment_}, {second_moment_}, {}, {number},
                    learning_rate, options_.beta1, options_.beta2, options_.weight_decay,
                    options_.epsilon, /*amsgrad=*/false, /*maximize=*/false);
}

void AdamW::restore(const at::Tensor& first_moment, const at::Tensor& second_moment,
                    int64_t steps_done) {
  if (first_moment.numel() != parameters_.numel() || second_moment.numel() != parameters_.numel()) {
    throw std::invalid_argument(
        fmt::format("checkpoint: expected optimizer moments of {} elements, got {} and {}",
                    parameters_.numel(), first_moment.numel(), second_moment.numel()));
  }
  first_moment_.copy_(first_moment);
  second_moment_.copy_(second_moment);
  steps_done_ = steps_done;
}

double clip_gradient(at::Tensor& gradient, double clip_norm) {
  const double norm = gradient.to(at::kDouble).norm().item<double>();
  if (clip_norm > 0 && norm > clip_norm) gradient.mul_(clip_norm / norm);
  return norm;
}

}  // namespace candor::trainer
