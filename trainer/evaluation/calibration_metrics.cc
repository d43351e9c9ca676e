// Calibration error over bins, equal-width and equal-mass.
#include <algorithm>
#include <cmath>
#include <limits>

#include "trainer/evaluation/metrics.h"
#include "trainer/evaluation/tie_groups.h"

namespace candor::trainer {
namespace {

void add_to_bin(ReliabilityBin& bin, const TieGroup& group) {
  bin.weight += group.weight;
  bin.mean_confidence += group.weight * group.confidence;
  bin.mean_target += group.target_sum;
}

void divide_sums(std::vector<ReliabilityBin>& bins) {
  for (ReliabilityBin& bin : bins) {
    if (bin.weight == 0) continue;
    bin.mean_confidence /= bin.weight;
    bin.mean_target /= bin.weight;
  }
}

double calibration_error(const std::vector<ReliabilityBin>& bins) {
  double error = 0, total = 0;
  for (const ReliabilityBin& bin : bins) {
    error += bin.weight * std::abs(bin.mean_confidence - bin.mean_target);
    total += bin.weight;
  }
  return total > 0 ? error / total : std::numeric_limits<double>::quiet_NaN();
}

}  // namespace

int calibration_bin(double confidence) {
  // The sums that make a confidence of 0.3 leave it up to some ulps below; int(c / 0.1) puts even
  // an exact 0.3, 0.6 and 0.7 one bin low.
  constexpr double kRoundingMargin = 1e-9;
  return std::clamp(static_cast<int>(std::floor(confidence * kCalibrationBins + kRoundingMargin)),
                    0, kCalibrationBins - 1);
}

std::vector<ReliabilityBin> reliability_bins(const MetricSample& sample) {
  std::vector<ReliabilityBin> bins(kCalibrationBins);
  for_each_tie_group(sample, false, [&](const TieGroup& group) {
    add_to_bin(bins[static_cast<size_t>(calibration_bin(group.confidence))], group);
  });
  divide_sums(bins);
  return bins;
}

double ece(const MetricSample& sample) { return calibration_error(reliability_bins(sample)); }

double ece_equal_mass(const MetricSample& sample) {
  const double total = total_weight(sample);
  std::vector<ReliabilityBin> bins(kCalibrationBins);
  double below = 0;
  for_each_tie_group(sample, false, [&](const TieGroup& group) {
    const double mid_rank = (below + group.weight / 2) / total;
    add_to_bin(bins[static_cast<size_t>(
                   std::min(kCalibrationBins - 1, static_cast<int>(mid_rank * kCalibrationBins)))],
               group);
    below += group.weight;
  });
  divide_sums(bins);
  return calibration_error(bins);
}

}  // namespace candor::trainer
