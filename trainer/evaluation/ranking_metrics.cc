// What depends only on the order of the confidences: AUROC, AURC and their curves.
#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "trainer/evaluation/metrics.h"
#include "trainer/evaluation/tie_groups.h"

namespace candor::trainer {
namespace {

constexpr double kUndefined = std::numeric_limits<double>::quiet_NaN();

// One pass of the Mann-Whitney count, group by group of ties in ascending order.
struct PairCount {
  double positives = 0, negatives = 0, pairs_won = 0;
  void add_group(double positive, double negative) {
    pairs_won += positive * (negatives + negative / 2);
    positives += positive;
    negatives += negative;
  }
  double auroc() const {
    return positives > 0 && negatives > 0 ? pairs_won / (positives * negatives) : kUndefined;
  }
};

}  // namespace

std::vector<int64_t> order_by_confidence(std::span<const double> confidence) {
  std::vector<int64_t> order(confidence.size());
  std::iota(order.begin(), order.end(), int64_t{0});
  std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) {
    return confidence[static_cast<size_t>(a)] < confidence[static_cast<size_t>(b)];
  });
  return order;
}

double auroc(const MetricSample& sample) {
  PairCount count;
  for_each_tie_group(sample, false, [&](const TieGroup& group) {
    count.add_group(group.positive_weight, group.weight - group.positive_weight);
  });
  return count.auroc();
}

double auroc_within(const MetricSample& sample) {
  // One walk in the shared order; each data set keeps the open group of its own ties.
  struct State {
    PairCount count;
    double confidence = 0, positive = 0, negative = 0, examples = 0;
  };
  std::vector<State> states;
  for (const int64_t example : sample.order) {
    const auto i = static_cast<size_t>(example);
    const double weight = sample.weight_of(example);
    if (weight == 0) continue;
    const auto dataset = static_cast<size_t>(sample.dataset[i]);
    if (dataset >= states.size()) states.resize(dataset + 1);
    State& state = states[dataset];
    if (sample.confidence[i] != state.confidence) {
      state.count.add_group(state.positive, state.negative);
      state.positive = state.negative = 0;
      state.confidence = sample.confidence[i];
    }
    (sample.target[i] >= 0.5 ? state.positive : state.negative) += weight;
    state.examples += weight;
  }
  double sum = 0, examples = 0;
  for (State& state : states) {
    state.count.add_group(state.positive, state.negative);
    const double value = state.count.auroc();
    if (std::isnan(value)) continue;
    sum += value * state.examples;
    examples += state.examples;
  }
  return examples > 0 ? sum / examples : kUndefined;
}

double aurc(const MetricSample& sample) {
  double covered = 0, errors = 0, sum_of_risks = 0;
  for_each_tie_group(sample, true, [&](const TieGroup& group) {
    const double group_error = 1 - group.target_sum / group.weight;
    const auto members = static_cast<int64_t>(std::llround(group.weight));
    for (int64_t k = 0; k < members; ++k) {
      covered += 1;
      errors += group_error;
      sum_of_risks += errors / covered;
    }
  });
  return covered > 0 ? sum_of_risks / covered : kUndefined;
}

std::vector<CurvePoint> roc_curve(const MetricSample& sample) {
  double positives = 0, negatives = 0;
  std::vector<CurvePoint> points = {{0, 0}};
  for_each_tie_group(sample, true, [&](const TieGroup& group) {
    positives += group.positive_weight;
    negatives += group.weight - group.positive_weight;
    points.push_back({negatives, positives});
  });
  if (positives == 0 || negatives == 0) return {};
  for (CurvePoint& point : points) point = {point.x / negatives, point.y / positives};
  return points;
}

std::vector<CurvePoint> risk_coverage_curve(const MetricSample& sample) {
  const double total = total_weight(sample);
  double covered = 0, correct = 0;
  std::vector<CurvePoint> points;
  for_each_tie_group(sample, true, [&](const TieGroup& group) {
    covered += group.weight;
    correct += group.target_sum;
    points.push_back({covered / total, 1 - correct / covered});
  });
  return points;
}

}  // namespace candor::trainer
