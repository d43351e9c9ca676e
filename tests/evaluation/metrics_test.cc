#include "trainer/evaluation/metrics.h"

#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "data_pipeline/files/read_file.h"
#include "tests/evaluation/golden.h"
#include "trainer/evaluation/bootstrap.h"

namespace candor::trainer {
namespace {

using testing_support::golden;

// Owns the arrays that a MetricSample views.
struct OwnedSample {
  std::vector<double> confidence, target;
  std::vector<int64_t> dataset;
  std::vector<double> weight;
  std::vector<int64_t> order;
  MetricSample view() {
    if (dataset.empty()) dataset.assign(confidence.size(), 0);
    order = order_by_confidence(confidence);
    return {.confidence = confidence,
            .target = target,
            .dataset = dataset,
            .order = order,
            .weight = weight};
  }
};

TEST(CalibrationBin, TenthsLandInTheBinThatStartsThere) {
  for (int i = 0; i < 10; ++i) EXPECT_EQ(calibration_bin(i / 10.0), i) << i;
  EXPECT_EQ(calibration_bin(0.1 + 0.2), 3);
  EXPECT_EQ(calibration_bin(std::nextafter(0.7, 0)), 7);
  EXPECT_EQ(calibration_bin(0.699), 6);
  EXPECT_EQ(calibration_bin(1.0), 9);
}

TEST(Metrics, HandComputed) {
  OwnedSample sample{.confidence = {0.95, 0.85, 0.85, 0.25, 0.05},
                     .target = {1, 1, 0, 1, 0},
                     .dataset = {},
                     .weight = {},
                     .order = {}};
  const MetricSample view = sample.view();
  EXPECT_NEAR(accuracy(view), 0.6, 1e-15);
  // bins: .95/1 -> .05; two at .85, half right -> .35; .25/1 -> .75; .05/0 -> .05
  EXPECT_NEAR(ece(view), (0.05 + 2 * 0.35 + 0.75 + 0.05) / 5, 1e-12);
  EXPECT_NEAR(brier(view), (0.0025 + 0.0225 + 0.7225 + 0.5625 + 0.0025) / 5, 1e-12);
  // pairs: .95 wins 2; .85 ties one and wins one; .25 loses one and wins one
  EXPECT_NEAR(auroc(view), (2 + 1.5 + 1) / 6.0, 1e-12);
  // risks: 0, .5/2, 1/3, 1/4, 2/5
  EXPECT_NEAR(aurc(view), (0 + 0.25 + 1.0 / 3 + 0.25 + 0.4) / 5, 1e-12);
  const auto curve = risk_coverage_curve(view);
  ASSERT_EQ(curve.size(), 4u);
  EXPECT_NEAR(curve[1].x, 0.6, 1e-12);
  EXPECT_NEAR(curve[1].y, 1.0 / 3, 1e-12);
}

TEST(Metrics, EqualMassKeepsTiesTogether) {
  OwnedSample sample;
  for (int i = 0; i < 20; ++i) {
    sample.confidence.push_back(i < 10 ? 0.2 : 0.8);
    sample.target.push_back(i % 2);
  }
  EXPECT_NEAR(ece_equal_mass(sample.view()), 0.3, 1e-12);
  OwnedSample constant{.confidence = {0.5, 0.5, 0.5, 0.5},
                       .target = {1, 0, 0, 0},
                       .dataset = {},
                       .weight = {},
                       .order = {}};
  EXPECT_NEAR(ece_equal_mass(constant.view()), 0.25, 1e-12);
  EXPECT_NEAR(auroc(constant.view()), 0.5, 1e-12);
  EXPECT_NEAR(aurc(constant.view()), 0.75, 1e-12);
  EXPECT_EQ(spread(constant.view()), 0);
}

TEST(Metrics, AWeightIsARepetition) {
  OwnedSample once{.confidence = {0.9, 0.4, 0.4, 0.1},
                   .target = {1, 0, 1, 0.3},
                   .dataset = {0, 0, 1, 1},
                   .weight = {2, 0, 1, 3},
                   .order = {}};
  OwnedSample repeated{.confidence = {0.1, 0.9, 0.1, 0.4, 0.9, 0.1},
                       .target = {0.3, 1, 0.3, 1, 1, 0.3},
                       .dataset = {1, 0, 1, 1, 0, 1},
                       .weight = {},
                       .order = {}};
  for (const auto metric :
       {accuracy, ece, ece_equal_mass, brier, nll, auroc, auroc_within, aurc, spread}) {
    EXPECT_NEAR(metric(once.view()), metric(repeated.view()), 1e-12);
  }
}

TEST(Metrics, UndefinedIsNaN) {
  OwnedSample sample{
      .confidence = {0.9, 0.4}, .target = {1, 1}, .dataset = {}, .weight = {}, .order = {}};
  EXPECT_TRUE(std::isnan(auroc(sample.view())));
  EXPECT_TRUE(std::isnan(auroc_within(sample.view())));
  EXPECT_TRUE(roc_curve(sample.view()).empty());
  sample.weight = {0, 0};
  for (const auto metric : {accuracy, ece, ece_equal_mass, brier, nll, aurc, spread})
    EXPECT_TRUE(std::isnan(metric(sample.view())));
}

TEST(Metrics, NllIsFiniteAtTheEnds) {
  OwnedSample sample{
      .confidence = {0, 1}, .target = {1, 1}, .dataset = {}, .weight = {}, .order = {}};
  EXPECT_NEAR(nll(sample.view()), -std::log(1e-6) / 2, 1e-6);
}

TEST(Metrics, AgreeWithScikitLearn) {
  OwnedSample sample;
  golden().at("confidence").get_to(sample.confidence);
  golden().at("target").get_to(sample.target);
  golden().at("dataset").get_to(sample.dataset);
  const MetricSample view = sample.view();
  EXPECT_NEAR(auroc(view), golden().at("auroc").get<double>(), 1e-12);
  EXPECT_NEAR(auroc_within(view), golden().at("auroc_within").get<double>(), 1e-12);
  EXPECT_NEAR(brier(view), golden().at("brier").get<double>(), 1e-12);
  EXPECT_NEAR(nll(view), golden().at("nll").get<double>(), 1e-9);
  const auto curve = roc_curve(view);
  const auto fpr = golden().at("roc")[0].get<std::vector<double>>(),
             tpr = golden().at("roc")[1].get<std::vector<double>>();
  ASSERT_EQ(curve.size(), fpr.size());
  for (size_t i = 0; i < curve.size(); ++i) {
    EXPECT_NEAR(curve[i].x, fpr[i], 1e-12);
    EXPECT_NEAR(curve[i].y, tpr[i], 1e-12);
  }
}

TEST(Bootstrap, PercentileIsNumpys) {
  const auto values = golden().at("confidence").get<std::vector<double>>();
  EXPECT_NEAR(percentile(values, 0.025), golden().at("percentiles")[0].get<double>(), 1e-12);
  EXPECT_NEAR(percentile(values, 0.975), golden().at("percentiles")[1].get<double>(), 1e-12);
}

TEST(Bootstrap, DrawsWholeEntitiesAndIsDeterministic) {
  // Two entities of five examples each: every resample has weights (2,0), (1,1) or (0,2).
  const std::vector<int64_t> entity = {0, 0, 0, 0, 0, 1, 1, 1, 1, 1};
  const std::vector<double> target = {1, 1, 1, 1, 1, 0, 0, 0, 0, 0};
  int calls = 0;
  const auto measure = [&](std::span<const double> weight) {
    ++calls;
    if (!weight.empty()) {
      EXPECT_EQ(weight[0], weight[4]);
      EXPECT_EQ(weight[0] + weight[5], 2);
    }
    return std::vector<double>{weighted_mean(target, weight)};
  };
  const auto interval = bootstrap(entity, {}, measure);
  EXPECT_EQ(calls, 1001);
  EXPECT_EQ(interval[0].value, 0.5);
  EXPECT_EQ(interval[0].low, 0);
  EXPECT_EQ(interval[0].high, 1);
}

TEST(Bootstrap, NoIntervalOfOneEntityOrOneDraw) {
  const std::vector<double> target = {1, 0, 1};
  const auto mean = [&](std::span<const double> weight) {
    return std::vector<double>{weighted_mean(target, weight)};
  };
  const MetricValue of_one = bootstrap(std::vector<int64_t>{0, 0, 0}, {}, mean)[0];
  EXPECT_NEAR(of_one.value, 2.0 / 3, 1e-15);
  EXPECT_TRUE(std::isnan(of_one.low) && std::isnan(of_one.high));

  int calls = 0;  // the first is of the value itself
  const auto rarely_defined = [&](std::span<const double>) {
    return std::vector<double>{++calls <= 2 ? 0.5 : NAN};
  };
  const MetricValue of_one_draw =
      bootstrap(std::vector<int64_t>{0, 1, 2}, {.resamples = 20}, rarely_defined)[0];
  EXPECT_EQ(of_one_draw.value, 0.5);
  EXPECT_TRUE(std::isnan(of_one_draw.low) && std::isnan(of_one_draw.high));
}

TEST(Bootstrap, IntervalOfAMeanIsNormalTheorys) {
  std::vector<int64_t> entity(400);
  std::vector<double> values(400);
  double square = 0;
  for (size_t i = 0; i < 400; ++i) {
    entity[i] = static_cast<int64_t>(i);
    values[i] = static_cast<double>(counter_random(5, 0, i) >> 11) * 0x1p-53;
  }
  const double mean = weighted_mean(values, {});
  for (const double v : values) square += (v - mean) * (v - mean);
  const double error = std::sqrt(square / 400 / 400);
  const auto measure = [&](std::span<const double> weight) {
    return std::vector<double>{weighted_mean(values, weight)};
  };
  const auto interval = bootstrap(entity, {.resamples = 4000}, measure);
  EXPECT_NEAR(interval[0].low, mean - 1.96 * error, 0.15 * error);
  EXPECT_NEAR(interval[0].high, mean + 1.96 * error, 0.15 * error);
  EXPECT_EQ(bootstrap(entity, {.resamples = 4000}, measure)[0].low, interval[0].low);
  EXPECT_NE(bootstrap(entity, {.resamples = 4000, .seed = 1}, measure)[0].low, interval[0].low);
}

}  // namespace
}  // namespace candor::trainer
