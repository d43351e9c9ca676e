// Percentile bootstrap that draws entities, not examples: questions about one entity stand or fall
// together (Efron & Tibshirani 1993, ch. 13).
//
// Resample b, draw k takes entity floor(E * u(seed, b, k)) with u from a counter-based generator
// (SplitMix64 of the three numbers), so an interval depends on the data and the seed only: not on
// ranks, threads, or what else was computed.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

namespace candor::trainer {

struct BootstrapOptions {
  int64_t resamples = 1000;
  uint64_t seed = 20240501;
  double level = 0.95;  // of the interval
  bool operator==(const BootstrapOptions&) const = default;
};

struct MetricValue {
  double value = 0, low = 0, high = 0;
};

uint64_t counter_random(uint64_t seed, uint64_t stream, uint64_t counter);

// Numbers the distinct names in order of first appearance.
std::vector<int64_t> number_names(std::span<const std::string> names);

// Linear interpolation between order statistics (numpy's default). NaN for no values.
double percentile(std::vector<double> values, double share);

// `measure` gets the weight of each example ([n], whole numbers) and returns one figure per metric,
// always as many; it is called once with an empty span (each example once) for the values and once
// per resample. Figures that come out NaN are left out of their interval; the interval is NaN
// where fewer than two are left, and where all examples are of one entity. entity[i] in 0 .. E-1
// (number_names).
std::vector<MetricValue> bootstrap(
    std::span<const int64_t> entity, const BootstrapOptions& options,
    const std::function<std::vector<double>(std::span<const double> weight)>& measure);

}  // namespace candor::trainer
