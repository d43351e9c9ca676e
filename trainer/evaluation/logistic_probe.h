// L2-regularised logistic regression on hidden states, the yardstick for what a model knows about
// its own answers
// (Kadavath et al. 2022; Azaria & Mitchell 2023).
//
// Minimises (1/n) sum_i weight_i loss(y_i, sigmoid(w.z_i + b)) + lambda/2 |w|^2 over standardised
// features z (mean 0, standard deviation 1 on the training examples; a constant feature becomes 0);
// b isn't regularised. sklearn's C is 1/(lambda n). The optimum is unique; Newton steps stop when
// the gradient's largest entry is below 1e-9, with gradients in fp64 and the Hessian in fp32.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace candor::trainer {

// A view: features row-major [examples, width], target [examples] in [0, 1].
struct ProbeData {
  std::span<const float> features;
  int64_t width = 0;
  std::span<const double> target;
  std::span<const double> weight{};  // of each example in the loss; empty: 1
};

struct LogisticProbe {
  std::vector<double> mean, inverse_scale, weight;  // [width]
  double bias = 0;
  std::vector<double> predict(
      std::span<const float> features) const;  // [examples, width] -> probabilities [examples]
};

// Throws std::invalid_argument for shapes that don't agree, no examples, features that aren't
// finite, or lambda <= 0.
LogisticProbe fit_logistic_probe(const ProbeData& train, double lambda);

// Descending, so that each fit starts from the one before. For ~2,600 examples of width 576 the
// best value lies inside.
inline const std::vector<double> kProbeLambdas = {3, 1, 0.3, 0.1, 0.03, 0.01};

struct ProbeSelection {
  LogisticProbe probe;
  double lambda = 0;
  double validation_brier = 0;  // what lambda was chosen by; compare it to choose a layer
  std::vector<double> validation_probability;  // [validation examples]
};

// Fits every lambda on `train` and keeps the lowest Brier score on `validation`; never look at test
// examples here.
ProbeSelection select_logistic_probe(const ProbeData& train, const ProbeData& validation,
                                     std::span<const double> lambdas = kProbeLambdas);

}  // namespace candor::trainer
