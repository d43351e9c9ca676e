// Post-hoc maps: fitted on validation examples, applied to test examples, they say what the
// untrained model's confidence is worth.
// Targets in [0, 1], fractional ones included. All fits are deterministic. Throws
// std::invalid_argument for arrays that differ in length or an
// empty validation set.
#pragma once

#include <map>
#include <span>
#include <string>
#include <vector>

namespace candor::trainer {

// The mean target of the validation examples: nearly the lowest ECE there is, AUROC .5.
double fit_constant(std::span<const double> target);

// The mean target of each data set; one that validation doesn't have gets the overall mean.
struct BaseRates {
  double overall = 0;
  std::map<std::string, double> of_dataset;
  double operator()(const std::string& dataset) const;
};
BaseRates fit_base_rates(std::span<const double> target, std::span<const std::string> dataset);

// Isotonic regression by pool-adjacent-violators (Zadrozny & Elkan 2002); between the fitted points
// linear, beyond them constant, as sklearn's IsotonicRegression(out_of_bounds="clip").
struct IsotonicMap {
  std::vector<double> x, y;  // both ascending, x strictly
  double operator()(double confidence) const;
};
IsotonicMap fit_isotonic(std::span<const double> confidence, std::span<const double> target);

// p = sigmoid(slope * logit(confidence) + offset), by Newton on the mean log-loss. Confidences are
// clamped to [1e-6, 1 - 1e-6] before the logit.
struct LogitMap {
  double slope = 1, offset = 0;
  double operator()(double confidence) const;
};
LogitMap fit_platt(std::span<const double> confidence,
                   std::span<const double> target);  // Platt 1999: slope and offset
LogitMap fit_temperature(
    std::span<const double> confidence,
    std::span<const double> target);  // Guo et al. 2017: slope = 1/T >= 0, no offset

}  // namespace candor::trainer
