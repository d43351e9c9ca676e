#include "trainer/objectives/objective.h"

namespace candor::trainer {

double soft_target(std::span<const double> f_K, double y, double log_normalizer,
                   std::span<double> gradient_K) {
  const double top_level = static_cast<double>(f_K.size() - 1);
  double total = 0;
  for (size_t i = 0; i < f_K.size(); ++i) {
    const double miss = y - static_cast<double>(i) / top_level;
    gradient_K[i] = 1 - miss * miss;
    total += gradient_K[i];
  }
  double loss = 0;
  for (size_t i = 0; i < f_K.size(); ++i) {
    const double t = gradient_K[i] / total;
    loss -= t * (f_K[i] - log_normalizer);
    gradient_K[i] = -t;
  }
  return loss;
}

}  // namespace candor::trainer
