// Softmax and log-sum-exp of a handful of logits in fp64, stable for any magnitude.
#pragma once

#include <algorithm>
#include <cmath>
#include <span>
#include <vector>

namespace candor::trainer {

inline double log_sum_exp(std::span<const double> f_K) {
  const double largest = *std::max_element(f_K.begin(), f_K.end());
  double sum = 0;
  for (const double f : f_K) sum += std::exp(f - largest);
  return largest + std::log(sum);
}

inline std::vector<double> softmax(std::span<const double> f_K) {
  const double normalizer = log_sum_exp(f_K);
  std::vector<double> q_K(f_K.size());
  for (size_t i = 0; i < f_K.size(); ++i) q_K[i] = std::exp(f_K[i] - normalizer);
  return q_K;
}

}  // namespace candor::trainer
