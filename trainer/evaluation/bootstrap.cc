#include "trainer/evaluation/bootstrap.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <unordered_map>

#include <fmt/format.h>

#include "data_pipeline/tokens/splitmix64.h"

namespace candor::trainer {
namespace {

uint64_t split_mix(uint64_t z) { return data::splitmix64_finalize(z + data::kSplitMix64Gamma); }

}  // namespace

uint64_t counter_random(uint64_t seed, uint64_t stream, uint64_t counter) {
  return split_mix(split_mix(split_mix(seed) ^ stream) ^ counter);
}

std::vector<int64_t> number_names(std::span<const std::string> names) {
  std::unordered_map<std::string, int64_t> number_of;
  std::vector<int64_t> numbers;
  numbers.reserve(names.size());
  for (const std::string& name : names)
    numbers.push_back(
        number_of.try_emplace(name, static_cast<int64_t>(number_of.size())).first->second);
  return numbers;
}

double percentile(std::vector<double> values, double share) {
  if (values.empty()) return std::numeric_limits<double>::quiet_NaN();
  std::sort(values.begin(), values.end());
  const double place = share * static_cast<double>(values.size() - 1);
  const auto below = static_cast<size_t>(place);
  const size_t above = std::min(below + 1, values.size() - 1);
  return values[below] + (place - static_cast<double>(below)) * (values[above] - values[below]);
}

std::vector<MetricValue> bootstrap(
    std::span<const int64_t> entity, const BootstrapOptions& options,
    const std::function<std::vector<double>(std::span<const double> weight)>& measure) {
  if (options.resamples < 0 || !(options.level > 0 && options.level < 1)) {
    throw std::invalid_argument(
        fmt::format("bootstrap: expected resamples >= 0 and a level between 0 and 1, got {} and "
                    "{}; correct the evaluation options",
                    options.resamples, options.level));
  }
  const std::vector<double> values = measure({});
  std::vector<std::vector<double>> drawn(values.size());
  const uint64_t entities =
      entity.empty() ? 0
                     : static_cast<uint64_t>(*std::max_element(entity.begin(), entity.end())) + 1;
  std::vector<double> times_drawn(entities), weight(entity.size());
  for (int64_t b = 0; b < options.resamples && entities > 1; ++b) {
    std::fill(times_drawn.begin(), times_drawn.end(), 0.0);
    for (uint64_t k = 0; k < entities; ++k) {
      // 32 random bits times the count: the bias is below entities / 2^32.
      times_drawn[((counter_random(options.seed, static_cast<uint64_t>(b), k) >> 32) * entities) >>
                  32] += 1;
    }
    for (size_t i = 0; i < entity.size(); ++i)
      weight[i] = times_drawn[static_cast<size_t>(entity[i])];
    const std::vector<double> figures = measure(weight);
    for (size_t m = 0; m < values.size(); ++m) {
      if (!std::isnan(figures[m])) drawn[m].push_back(figures[m]);
    }
  }
  std::vector<MetricValue> result(values.size());
  const double tail = (1 - options.level) / 2;
  for (size_t m = 0; m < values.size(); ++m) {
    if (drawn[m].size() < 2) drawn[m].clear();  // no interval, rather than one without width
    result[m] = {values[m], percentile(drawn[m], tail), percentile(drawn[m], 1 - tail)};
  }
  return result;
}

}  // namespace candor::trainer
