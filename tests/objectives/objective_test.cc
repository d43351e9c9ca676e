// Each loss against central differences, the identity of method section 7, extremes, and the
// schedule.
#include "trainer/objectives/objective.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <random>

#include "trainer/objectives/schedule.h"
#include "trainer/objectives/softmax.h"

namespace candor::trainer {
namespace {

using LossFunction = std::function<double(std::span<const double>, double, std::span<double>)>;

void expect_gradient_matches(const LossFunction& loss) {
  std::mt19937 random(7);
  std::normal_distribution<double> normal(0, 2);
  for (const double y : {0.0, 0.3, 1.0}) {
    std::vector<double> f(10), gradient(10), scratch(10);
    for (double& x : f) x = normal(random);
    loss(f, y, gradient);
    for (size_t i = 0; i < f.size(); ++i) {
      const double h = 1e-6;
      std::vector<double> up = f, down = f;
      up[i] += h;
      down[i] -= h;
      EXPECT_NEAR(gradient[i], (loss(up, y, scratch) - loss(down, y, scratch)) / (2 * h), 1e-8);
    }
  }
}

TEST(Objective, GradientsMatchCentralDifferences) {
  expect_gradient_matches(tokenized_brier);
  expect_gradient_matches(expectation_log_loss);
  expect_gradient_matches(mean_brier);
  expect_gradient_matches([](auto f, double y, auto g) { return soft_target(f, y, 3.0, g); });
}

TEST(Objective, TokenizedBrierIsSquaredMissOfTheMeanPlusVariance) {
  const std::vector<double> f = {0.1, 2.0, -1.0, 0.5};
  std::vector<double> gradient(4);
  const std::vector<double> q = softmax(f);
  double mean = 0, second = 0;
  for (size_t i = 0; i < 4; ++i) {
    const double p = static_cast<double>(i) / 3;
    mean += q[i] * p;
    second += q[i] * p * p;
  }
  EXPECT_NEAR(tokenized_brier(f, 1.0, gradient), (1 - mean) * (1 - mean) + second - mean * mean,
              1e-14);
}

TEST(Objective, LogLossKeepsItsGradientAtExtremeLogits) {
  std::vector<double> f(10, 0.0), gradient(10);
  f[0] = 1e4;  // certain of level 0, and wrong
  const double loss = expectation_log_loss(f, 1.0, gradient);
  EXPECT_TRUE(std::isfinite(loss));
  EXPECT_NEAR(gradient[0], 1.0, 1e-12);
}

TEST(Schedule, HoldsRampsAndHolds) {
  const std::vector<ObjectiveStage> stages = {{Loss::kExpectationLogLoss, 0.4, 0.0},
                                              {Loss::kTokenizedBrier, 1.0, 0.6}};
  EXPECT_EQ(objective_weights(stages, 0, 100).size(), 1u);
  EXPECT_EQ(objective_weights(stages, 39, 100)[0].loss, Loss::kExpectationLogLoss);
  const auto middle = objective_weights(stages, 50, 100);
  ASSERT_EQ(middle.size(), 2u);
  EXPECT_NEAR(middle[1].weight, 0.5, 1e-12);
  EXPECT_EQ(objective_weights(stages, 60, 100)[0].loss, Loss::kTokenizedBrier);
  EXPECT_EQ(objective_weights(stages, 99, 100).size(), 1u);
}

TEST(Schedule, RefusesWhatItCantFollow) {
  EXPECT_THROW(objective_weights({}, 0, 10), std::invalid_argument);
  EXPECT_THROW(
      objective_weights({{Loss::kMeanBrier, 0.0, 0.0}, {Loss::kTokenizedBrier, 1.0, 0.0}}, 0, 10),
      std::invalid_argument);
  EXPECT_THROW(loss_from_name("brier"), std::invalid_argument);
}

}  // namespace
}  // namespace candor::trainer
