// The graded examples by one read-out of their confidence (expectation, or the level that greedy
// decoding says), ready for the metrics, and their reliability bins with intervals.
#pragma once

#include <cstdint>
#include <vector>

#include "trainer/evaluation/metrics.h"
#include "trainer/evaluation/scored_example.h"

namespace candor::trainer {

class ReadOut {
 public:
  ReadOut(const std::vector<ScoredExample>& examples, bool by_argmax);

  MetricSample sample() const {
    return {.confidence = confidence_,
            .target = target_,
            .dataset = dataset_,
            .order = order_,
            .weight = {}};
  }
  const std::vector<double>& confidence() const { return confidence_; }
  size_t levels() const { return levels_; }

 private:
  std::vector<double> confidence_, target_;
  std::vector<int64_t> dataset_, order_;
  size_t levels_ = 0;
};

struct RatedBin {
  double from = 0, to = 0;  // of the confidence
  int64_t examples = 0;
  double mean_confidence = 0, share_right = 0;  // NaN for no examples, as the following
  // 95 % interval of the share right, examples taken as independent (Wilson 1927).
  double low = 0, high = 0;
};

// All kCalibrationBins, in order.
std::vector<RatedBin> rated_bins(const ReadOut& read_out);

}  // namespace candor::trainer
