// Walks a sample in order of confidence, one group of tied confidences at a time: what makes a rank
// metric independent of the order of ties.
#pragma once

#include <cstddef>

#include "trainer/evaluation/metrics.h"

namespace candor::trainer {

struct TieGroup {
  double confidence = 0;
  double weight = 0, target_sum = 0, positive_weight = 0;  // positive: target >= .5
};

// Calls use(TieGroup) for each group of positive weight; descending from the most confident if
// asked.
template <typename Use>
void for_each_tie_group(const MetricSample& sample, bool descending, const Use& use) {
  const std::size_t n = sample.order.size();
  const auto at = [&](std::size_t rank) {
    return static_cast<std::size_t>(sample.order[descending ? n - 1 - rank : rank]);
  };
  for (std::size_t rank = 0; rank < n;) {
    TieGroup group;
    group.confidence = sample.confidence[at(rank)];
    for (; rank < n && sample.confidence[at(rank)] == group.confidence; ++rank) {
      const std::size_t i = at(rank);
      const double weight = sample.weight_of(static_cast<int64_t>(i));
      group.weight += weight;
      group.target_sum += weight * sample.target[i];
      group.positive_weight += sample.target[i] >= 0.5 ? weight : 0;
    }
    if (group.weight > 0) use(group);
  }
}

inline double total_weight(const MetricSample& sample) {
  double total = 0;
  if (sample.weight.empty()) return static_cast<double>(sample.confidence.size());
  for (const double weight : sample.weight) total += weight;
  return total;
}

}  // namespace candor::trainer
