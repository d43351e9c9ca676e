// Calibration and discrimination figures of confidences in [0, 1] against correctness, as pure
// functions of one weighted sample.
//
// Every metric is unchanged by the order of the examples, ties included. A weight of w means the
// example occurs w times (how the bootstrap resamples); a sample without weights has each example
// once. A figure that isn't defined (AUROC with one class, anything of an empty sample) is NaN.
// Targets may be fractional; only the metrics that need two classes (AUROC, AUROC within) cut them
// at .5: target >= .5 is positive.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace candor::trainer {

inline constexpr int kCalibrationBins = 10;
inline constexpr double kNllClamp =
    1e-6;  // nll() only: confidences are clamped to [1e-6, 1 - 1e-6]

// A view; the arrays must outlive it. `order` sorts by confidence ascending (order_by_confidence)
// and is shared by all resamples.
struct MetricSample {
  std::span<const double> confidence;  // [n]
  std::span<const double> target;      // [n]
  std::span<const int64_t> dataset;    // [n] 0 .. datasets-1; only auroc_within reads it
  std::span<const int64_t> order;      // [n]
  std::span<const double> weight;      // [n] or empty: all 1
  double weight_of(int64_t i) const {
    return weight.empty() ? 1.0 : weight[static_cast<std::size_t>(i)];
  }
};

std::vector<int64_t> order_by_confidence(std::span<const double> confidence);

// Bin of a confidence among kCalibrationBins of equal width, [b/10, (b+1)/10) and the last closed:
// 0.3, 0.6 and 0.7 are in bins 3, 6 and 7 also
// when rounding left them a hair below, and 1.0 is in bin 9.
int calibration_bin(double confidence);

struct ReliabilityBin {
  double weight = 0, mean_confidence = 0, mean_target = 0;
};
std::vector<ReliabilityBin> reliability_bins(
    const MetricSample& sample);  // [kCalibrationBins]; an empty bin has weight 0

double weighted_mean(std::span<const double> values,
                     std::span<const double> weight);  // weight may be empty
double spread(const MetricSample& sample);  // population standard deviation of the confidence

double accuracy(const MetricSample& sample);        // mean target
double ece(const MetricSample& sample);             // Naeini et al. 2015, equal-width bins
double ece_equal_mass(const MetricSample& sample);  // ten bins of equal mass by mid-rank: tied
                                                    // confidences share a bin
double brier(const MetricSample& sample);
double nll(const MetricSample& sample);

double auroc(const MetricSample& sample);         // Mann-Whitney, a tie counts one half
double auroc_within(const MetricSample& sample);  // mean of the AUROC of each data set that has
                                                  // both classes, weighted by its examples

// Area under the risk-coverage curve (Geifman & El-Yaniv 2017): the mean over k = 1..n of the error
// among the k most confident. Within a group of tied confidences every order is equally likely: the
// k-th example of a group adds the group's mean error.
double aurc(const MetricSample& sample);

struct CurvePoint {
  double x = 0, y = 0;
};
std::vector<CurvePoint> roc_curve(
    const MetricSample& sample);  // (false positive rate, true positive rate); empty with one class
std::vector<CurvePoint> risk_coverage_curve(
    const MetricSample& sample);  // (coverage, error among the covered), one point a group of ties

}  // namespace candor::trainer
