#include "trainer/evaluation/logistic_probe.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>

#include <ATen/ATen.h>
#include <fmt/format.h>

namespace candor::trainer {
namespace {

constexpr double kGradientTolerance = 1e-9;
constexpr int kMostIterations = 500;

void check_data(const ProbeData& data, const char* which) {
  const auto examples = static_cast<int64_t>(data.target.size());
  if (examples == 0 || data.width <= 0 ||
      static_cast<int64_t>(data.features.size()) != examples * data.width) {
    throw std::invalid_argument(
        fmt::format("logistic probe: {}: expected {} x {} features, got {}; check the hidden "
                    "states and the split",
                    which, examples, data.width, data.features.size()));
  }
  if (!data.weight.empty() && data.weight.size() != data.target.size()) {
    throw std::invalid_argument(fmt::format("logistic probe: {}: expected {} weights, got {}",
                                            which, examples, data.weight.size()));
  }
  if (!std::all_of(data.features.begin(), data.features.end(),
                   [](float x) { return std::isfinite(x); })) {
    throw std::invalid_argument(
        fmt::format("logistic probe: {}: the hidden states hold a NaN or an infinity; check the "
                    "model's weights",
                    which));
  }
}

at::Tensor view_of(std::span<const double> values) {
  return at::from_blob(const_cast<double*>(values.data()), {static_cast<int64_t>(values.size())},
                       at::kDouble);
}

std::vector<double> to_vector(const at::Tensor& tensor) {
  const at::Tensor dense = tensor.contiguous();
  return {dense.const_data_ptr<double>(), dense.const_data_ptr<double>() + dense.numel()};
}

// The problem in standardised coordinates; theta is the weights and, last, the bias.
class Fit {
 public:
  explicit Fit(const ProbeData& data)
      : n_(static_cast<int64_t>(data.target.size())), d_(data.width), y_(view_of(data.target)) {
    weight_ = data.weight.empty() ? at::ones({n_}, at::kDouble) : view_of(data.weight);
    const at::Tensor raw =
        at::from_blob(const_cast<float*>(data.features.data()), {n_, d_}, at::kFloat)
            .to(at::kDouble);
    mean_ = raw.mean(0);
    const at::Tensor deviation = (raw - mean_).pow(2).mean(0).sqrt();
    // A feature that never moves (but for rounding) says nothing.
    inverse_scale_ = at::where(deviation > 1e-9 * (1 + mean_.abs()), deviation.reciprocal(),
                               at::zeros_like(deviation));
    z_ = at::cat({(raw - mean_) * inverse_scale_, at::ones({n_, 1}, at::kDouble)}, 1);
    z32_ = z_.to(at::kFloat);
    theta_ = at::zeros({d_ + 1}, at::kDouble);
  }

  // Continues from the optimum of the lambda before. The factored Hessian is kept as long as it
  // still brings the gradient down tenfold a step.
  void minimise(double lambda) {
    if (!(lambda > 0) || !std::isfinite(lambda))
      throw std::invalid_argument(
          fmt::format("logistic probe: expected lambda > 0, got {}", lambda));
    ridge_ = at::full({d_ + 1}, lambda, at::kDouble);
    ridge_[d_].fill_(0);
    at::Tensor factor, p;
    double value = objective(theta_), last_size = std::numeric_limits<double>::infinity();
    for (int iteration = 0; iteration < kMostIterations; ++iteration) {
      p = at::sigmoid(at::mv(z_, theta_));
      const at::Tensor gradient =
          at::mv(z_.t(), weight_ * (p - y_)) / static_cast<double>(n_) + ridge_ * theta_;
      const double size = gradient.abs().max().item<double>();
      if (size < kGradientTolerance) return;
      if (!factor.defined() || size > 0.1 * last_size) factor = factored_hessian(p);
      last_size = size;
      const at::Tensor step = at::cholesky_solve(gradient.unsqueeze(1), factor).squeeze(1);
      double scale = 1;
      for (; scale > 1e-10; scale /= 2) {
        const at::Tensor next = theta_ - scale * step;
        const double next_value = objective(next);
        if (next_value <= value + 1e-15 * std::abs(value)) {
          theta_ = next;
          value = next_value;
          break;
        }
      }
      if (scale <= 1e-10) return;  // no descent left at this precision
    }
  }

  LogisticProbe probe() const {
    const std::vector<double> theta = to_vector(theta_);
    return {.mean = to_vector(mean_),
            .inverse_scale = to_vector(inverse_scale_),
            .weight = {theta.begin(), theta.end() - 1},
            .bias = theta.back()};
  }

 private:
  double objective(const at::Tensor& theta) const {
    const at::Tensor a = at::mv(z_, theta);
    // log(1 + e^a) - y a
    return (weight_ * (at::clamp_min(a, 0) + at::log1p(at::exp(-a.abs())) - y_ * a))
               .mean()
               .item<double>() +
           0.5 * (ridge_ * theta * theta).sum().item<double>();
  }

  at::Tensor factored_hessian(const at::Tensor& p) const {
    const at::Tensor root =
        (weight_ * p * (1 - p) / static_cast<double>(n_)).sqrt().to(at::kFloat).unsqueeze(1);
    const at::Tensor scaled = z32_ * root;
    at::Tensor hessian = at::mm(scaled.t(), scaled).to(at::kDouble);
    hessian.diagonal().add_(ridge_);
    for (double jitter = 1e-10;;
         jitter *= 10) {  // fp32 rounding can leave it just short of positive definite
      hessian.diagonal().add_(jitter);
      auto [factor, info] = at::linalg_cholesky_ex(hessian);
      if (info.item<int>() == 0) return factor;
      if (jitter > 1)
        throw std::invalid_argument(
            "logistic probe: the features' Gram matrix isn't positive definite; check the hidden "
            "states");
    }
  }

  int64_t n_, d_;
  at::Tensor y_, weight_, mean_, inverse_scale_, z_, z32_, theta_, ridge_;
};

}  // namespace

std::vector<double> LogisticProbe::predict(std::span<const float> features) const {
  const size_t width = weight.size();
  if (width == 0 || features.size() % width != 0) {
    throw std::invalid_argument(
        fmt::format("logistic probe: expected features of width {}, got {} numbers in all", width,
                    features.size()));
  }
  std::vector<double> probability(features.size() / width);
  for (size_t i = 0; i < probability.size(); ++i) {
    double a = bias;
    for (size_t j = 0; j < width; ++j)
      a += (static_cast<double>(features[i * width + j]) - mean[j]) * inverse_scale[j] * weight[j];
    probability[i] = a >= 0 ? 1 / (1 + std::exp(-a)) : std::exp(a) / (1 + std::exp(a));
  }
  return probability;
}

LogisticProbe fit_logistic_probe(const ProbeData& train, double lambda) {
  check_data(train, "training examples");
  Fit fit(train);
  fit.minimise(lambda);
  return fit.probe();
}

ProbeSelection select_logistic_probe(const ProbeData& train, const ProbeData& validation,
                                     std::span<const double> lambdas) {
  check_data(train, "training examples");
  check_data(validation, "validation examples");
  if (lambdas.empty())
    throw std::invalid_argument(
        "logistic probe: expected at least one lambda to choose from, got none");
  Fit fit(train);
  ProbeSelection best;
  best.validation_brier = std::numeric_limits<double>::infinity();
  for (const double lambda : lambdas) {
    fit.minimise(lambda);
    LogisticProbe probe = fit.probe();
    std::vector<double> probability = probe.predict(validation.features);
    double sum = 0;
    for (size_t i = 0; i < probability.size(); ++i)
      sum += (probability[i] - validation.target[i]) * (probability[i] - validation.target[i]);
    const double score = sum / static_cast<double>(probability.size());
    if (score < best.validation_brier)
      best = {std::move(probe), lambda, score, std::move(probability)};
  }
  return best;
}

}  // namespace candor::trainer
