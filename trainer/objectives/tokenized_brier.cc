#include "trainer/objectives/objective.h"
#include "trainer/objectives/softmax.h"

namespace candor::trainer {

double tokenized_brier(std::span<const double> f_K, double y, std::span<double> gradient_K) {
  const std::vector<double> q_K = softmax(f_K);
  const double top_level = static_cast<double>(f_K.size() - 1);
  double loss = 0;
  for (size_t i = 0; i < q_K.size(); ++i) {
    const double miss = y - static_cast<double>(i) / top_level;
    gradient_K[i] = miss * miss;
    loss += q_K[i] * miss * miss;
  }
  for (size_t i = 0; i < q_K.size(); ++i) gradient_K[i] = q_K[i] * (gradient_K[i] - loss);
  return loss;
}

}  // namespace candor::trainer
