#include "trainer/objectives/objective.h"
#include "trainer/objectives/softmax.h"

namespace candor::trainer {

double expectation_log_loss(std::span<const double> f_K, double y, std::span<double> gradient_K) {
  const size_t levels = f_K.size();
  const double top_level = static_cast<double>(levels - 1);
  const double normalizer = log_sum_exp(f_K);
  // log of the joint weights q_i * i/N over i >= 1 and q_i * (1 - i/N) over i < N, before
  // normalisation.
  std::vector<double> right(levels - 1), wrong(levels - 1);
  for (size_t i = 1; i < levels; ++i)
    right[i - 1] = f_K[i] + std::log(static_cast<double>(i) / top_level);
  for (size_t i = 0; i + 1 < levels; ++i)
    wrong[i] = f_K[i] + std::log(1.0 - static_cast<double>(i) / top_level);
  const double right_normalizer = log_sum_exp(right);
  const double wrong_normalizer = log_sum_exp(wrong);
  for (size_t i = 0; i < levels; ++i) {
    const double q = std::exp(f_K[i] - normalizer);
    const double r_right = i >= 1 ? std::exp(right[i - 1] - right_normalizer) : 0.0;
    const double r_wrong = i + 1 < levels ? std::exp(wrong[i] - wrong_normalizer) : 0.0;
    gradient_K[i] = q - (y * r_right + (1 - y) * r_wrong);
  }
  return -(y * (right_normalizer - normalizer) + (1 - y) * (wrong_normalizer - normalizer));
}

}  // namespace candor::trainer
