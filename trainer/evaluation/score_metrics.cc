// Means over examples: accuracy, proper scores, spread.
#include <algorithm>
#include <cmath>
#include <limits>

#include "trainer/evaluation/metrics.h"

namespace candor::trainer {
namespace {

template <typename Score>
double mean_score(const MetricSample& sample, const Score& score) {
  double sum = 0, total = 0;
  for (size_t i = 0; i < sample.confidence.size(); ++i) {
    const double weight = sample.weight_of(static_cast<int64_t>(i));
    if (weight == 0) continue;
    sum += weight * score(sample.confidence[i], sample.target[i]);
    total += weight;
  }
  return total > 0 ? sum / total : std::numeric_limits<double>::quiet_NaN();
}

}  // namespace

double weighted_mean(std::span<const double> values, std::span<const double> weight) {
  double sum = 0, total = 0;
  for (size_t i = 0; i < values.size(); ++i) {
    const double w = weight.empty() ? 1.0 : weight[i];
    sum += w * values[i];
    total += w;
  }
  return total > 0 ? sum / total : std::numeric_limits<double>::quiet_NaN();
}

double accuracy(const MetricSample& sample) { return weighted_mean(sample.target, sample.weight); }

double spread(const MetricSample& sample) {
  const double mean = weighted_mean(sample.confidence, sample.weight);
  return std::sqrt(mean_score(sample, [&](double c, double) { return (c - mean) * (c - mean); }));
}

double brier(const MetricSample& sample) {
  return mean_score(sample, [](double c, double y) { return (c - y) * (c - y); });
}

double nll(const MetricSample& sample) {
  return mean_score(sample, [](double c, double y) {
    const double p = std::clamp(c, kNllClamp, 1 - kNllClamp);
    return -(y * std::log(p) + (1 - y) * std::log1p(-p));
  });
}

}  // namespace candor::trainer
