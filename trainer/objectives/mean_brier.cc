#include "trainer/objectives/objective.h"
#include "trainer/objectives/softmax.h"

namespace candor::trainer {

double mean_brier(std::span<const double> f_K, double y, std::span<double> gradient_K) {
  const std::vector<double> q_K = softmax(f_K);
  const double top_level = static_cast<double>(f_K.size() - 1);
  double expectation = 0;
  for (size_t i = 0; i < q_K.size(); ++i)
    expectation += q_K[i] * static_cast<double>(i) / top_level;
  for (size_t i = 0; i < q_K.size(); ++i) {
    gradient_K[i] =
        2 * (expectation - y) * q_K[i] * (static_cast<double>(i) / top_level - expectation);
  }
  return (y - expectation) * (y - expectation);
}

}  // namespace candor::trainer
