#include "trainer/evaluation/posthoc.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <stdexcept>

#include <fmt/format.h>

namespace candor::trainer {
namespace {

constexpr double kLogitClamp = 1e-6;

void check_lengths(const char* what, size_t targets, size_t others) {
  if (targets == 0 || targets != others) {
    throw std::invalid_argument(
        fmt::format("{}: expected validation examples, as many as targets, got {} and {} targets; "
                    "check the validation split",
                    what, others, targets));
  }
}

double logit(double confidence) {
  const double p = std::clamp(confidence, kLogitClamp, 1 - kLogitClamp);
  return std::log(p) - std::log1p(-p);
}

double sigmoid(double x) {
  return x >= 0 ? 1 / (1 + std::exp(-x)) : std::exp(x) / (1 + std::exp(x));
}

// log(1 + e^a) - y a, without overflow.
double log_loss(double a, double y) {
  return std::max(a, 0.0) + std::log1p(std::exp(-std::abs(a))) - y * a;
}

// Newton with halved steps on the mean log-loss plus 1e-9 (slope^2 + offset^2) / 2: the ridge only
// keeps a separable sample's optimum finite.
LogitMap fit_logit_map(std::span<const double> confidence, std::span<const double> target,
                       bool with_offset) {
  constexpr double kRidge = 1e-9;
  const auto n = static_cast<double>(target.size());
  std::vector<double> x;
  for (const double c : confidence) x.push_back(logit(c));
  const auto objective = [&](const LogitMap& map) {
    double sum = 0;
    for (size_t i = 0; i < x.size(); ++i) sum += log_loss(map.slope * x[i] + map.offset, target[i]);
    return sum / n + kRidge / 2 * (map.slope * map.slope + map.offset * map.offset);
  };
  LogitMap map;
  double value = objective(map);
  for (int iteration = 0; iteration < 200; ++iteration) {
    double g_s = kRidge * map.slope, g_o = kRidge * map.offset, h_ss = kRidge, h_so = 0,
           h_oo = kRidge;
    for (size_t i = 0; i < x.size(); ++i) {
      const double p = sigmoid(map.slope * x[i] + map.offset), w = p * (1 - p) / n,
                   miss = (p - target[i]) / n;
      g_s += miss * x[i];
      g_o += miss;
      h_ss += w * x[i] * x[i];
      h_so += w * x[i];
      h_oo += w;
    }
    double step_s = g_s / h_ss, step_o = 0;
    if (with_offset) {
      // The determinant vanishes when every confidence is the same: then only the offset can be
      // fitted.
      const double determinant = h_ss * h_oo - h_so * h_so;
      if (determinant > 1e-14 * h_ss * h_oo) {
        step_s = (h_oo * g_s - h_so * g_o) / determinant;
        step_o = (h_ss * g_o - h_so * g_s) / determinant;
      } else {
        step_s = 0;
        step_o = g_o / h_oo;
      }
    }
    double scale = 1;
    LogitMap next;
    double next_value = value;
    for (; scale > 1e-12; scale /= 2) {
      next = {map.slope - scale * step_s, map.offset - scale * step_o};
      next_value = objective(next);
      if (next_value <= value) break;
    }
    if (scale <= 1e-12) break;
    const bool done = std::abs(step_s) + std::abs(step_o) <
                      1e-12 * (1 + std::abs(next.slope) + std::abs(next.offset));
    map = next;
    value = next_value;
    if (done) break;
  }
  return map;
}

}  // namespace

double fit_constant(std::span<const double> target) {
  check_lengths("constant", target.size(), target.size());
  return std::accumulate(target.begin(), target.end(), 0.0) / static_cast<double>(target.size());
}

double BaseRates::operator()(const std::string& dataset) const {
  const auto found = of_dataset.find(dataset);
  return found == of_dataset.end() ? overall : found->second;
}

BaseRates fit_base_rates(std::span<const double> target, std::span<const std::string> dataset) {
  check_lengths("base rates", target.size(), dataset.size());
  std::map<std::string, std::pair<double, double>> sums;
  for (size_t i = 0; i < target.size(); ++i) {
    auto& [sum, count] = sums[dataset[i]];
    sum += target[i];
    count += 1;
  }
  BaseRates rates{.overall = fit_constant(target), .of_dataset = {}};
  for (const auto& [name, sum] : sums) rates.of_dataset[name] = sum.first / sum.second;
  return rates;
}

double IsotonicMap::operator()(double confidence) const {
  const auto above =
      static_cast<size_t>(std::upper_bound(x.begin(), x.end(), confidence) - x.begin());
  if (above == 0) return y.front();
  if (above == x.size()) return y.back();
  const double share = (confidence - x[above - 1]) / (x[above] - x[above - 1]);
  return y[above - 1] + share * (y[above] - y[above - 1]);
}

IsotonicMap fit_isotonic(std::span<const double> confidence, std::span<const double> target) {
  check_lengths("isotonic regression", target.size(), confidence.size());
  std::vector<size_t> order(confidence.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return confidence[a] < confidence[b]; });
  struct Block {
    double first_x, last_x, sum, weight;
    double mean() const { return sum / weight; }
  };
  std::vector<Block> blocks;
  for (size_t k = 0; k < order.size();) {
    Block block{confidence[order[k]], confidence[order[k]], 0, 0};
    for (; k < order.size() && confidence[order[k]] == block.first_x; ++k) {  // ties take one value
      block.sum += target[order[k]];
      block.weight += 1;
    }
    while (!blocks.empty() && blocks.back().mean() >= block.mean()) {
      block = {blocks.back().first_x, block.last_x, blocks.back().sum + block.sum,
               blocks.back().weight + block.weight};
      blocks.pop_back();
    }
    blocks.push_back(block);
  }
  IsotonicMap map;
  for (const Block& block : blocks) {
    map.x.push_back(block.first_x);
    map.y.push_back(block.mean());
    if (block.last_x > block.first_x) {
      map.x.push_back(block.last_x);
      map.y.push_back(block.mean());
    }
  }
  return map;
}

double LogitMap::operator()(double confidence) const {
  return sigmoid(slope * logit(confidence) + offset);
}

LogitMap fit_platt(std::span<const double> confidence, std::span<const double> target) {
  check_lengths("Platt scaling", target.size(), confidence.size());
  return fit_logit_map(confidence, target, true);
}

LogitMap fit_temperature(std::span<const double> confidence, std::span<const double> target) {
  check_lengths("temperature scaling", target.size(), confidence.size());
  LogitMap map = fit_logit_map(confidence, target, false);
  map.slope = std::max(map.slope, 0.0);  // a negative temperature would turn the ranking round: the
                                         // best that is left is .5 throughout
  return map;
}

}  // namespace candor::trainer
