#include "trainer/report/read_out.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace candor::trainer {

ReadOut::ReadOut(const std::vector<ScoredExample>& examples, bool by_argmax) {
  for (const ScoredExample& example : examples) {
    if (!example.graded) continue;
    confidence_.push_back(by_argmax ? example.argmax_value() : example.expectation());
    target_.push_back(example.target);
    levels_ = std::max(levels_, example.q.size());
  }
  dataset_.assign(confidence_.size(), 0);
  order_ = order_by_confidence(confidence_);
}

std::vector<RatedBin> rated_bins(const ReadOut& read_out) {
  constexpr double kNone = std::numeric_limits<double>::quiet_NaN(), kZ = 1.959964;  // of 95 %
  const std::vector<ReliabilityBin> bins = reliability_bins(read_out.sample());
  std::vector<RatedBin> rated;
  for (size_t b = 0; b < bins.size(); ++b) {
    const auto place = static_cast<double>(b), width = 1.0 / static_cast<double>(bins.size()),
               n = bins[b].weight;
    RatedBin bin{.from = place * width,
                 .to = (place + 1) * width,
                 .examples = std::llround(n),
                 .mean_confidence = kNone,
                 .share_right = kNone,
                 .low = kNone,
                 .high = kNone};
    if (n > 0) {
      const double p = bins[b].mean_target, shrink = 1 + kZ * kZ / n;
      const double centre = (p + kZ * kZ / (2 * n)) / shrink,
                   half = kZ * std::sqrt(p * (1 - p) / n + kZ * kZ / (4 * n * n)) / shrink;
      bin.mean_confidence = bins[b].mean_confidence;
      bin.share_right = p;
      bin.low = std::max(0.0, centre - half);
      bin.high = std::min(1.0, centre + half);
    }
    rated.push_back(bin);
  }
  return rated;
}

}  // namespace candor::trainer
