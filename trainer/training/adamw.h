// AdamW on one flat parameter tensor, with gradient clipping by the global L2 norm.
//
// Every rank holds all of it and makes the same update from the same gradient, so nothing is
// communicated. Moments have the parameters' dtype. Source: Loshchilov & Hutter 2019, "Decoupled
// Weight Decay Regularization"; the update itself is libtorch's fused operator.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "trainer/training/adamw_options.h"

namespace candor::trainer {

class AdamW {
 public:
  // parameters: flat fp32 or fp64, contiguous; changed in place by step() and shared with the
  // caller.
  AdamW(at::Tensor parameters, AdamWOptions options);

  void step(const at::Tensor& gradient, double learning_rate);

  int64_t steps_done() const { return steps_done_; }
  const at::Tensor& first_moment() const { return first_moment_; }
  const at::Tensor& second_moment() const { return second_moment_; }
  // Of a checkpoint; throws std::invalid_argument if the moments' numel differ from the
  // parameters'.
  void restore(const at::Tensor& first_moment, const at::Tensor& second_moment, int64_t steps_done);

 private:
  AdamWOptions options_;
  at::Tensor parameters_, first_moment_, second_moment_;
  int64_t steps_done_ = 0;
};

// Scales the gradient in place so that its L2 norm is at most clip_norm (0: no limit) and returns
// the norm before. Computed in fp64.
double clip_gradient(at::Tensor& gradient, double clip_norm);

}  // namespace candor::trainer
