#include "trainer/evaluation/posthoc.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "data_pipeline/files/read_file.h"
#include "tests/evaluation/golden.h"
#include "trainer/evaluation/logistic_probe.h"

namespace candor::trainer {
namespace {

using testing_support::golden;

TEST(Posthoc, ConstantAndBaseRates) {
  const std::vector<double> target = {1, 0, 0.5, 0};
  EXPECT_EQ(fit_constant(target), 0.375);
  const BaseRates rates = fit_base_rates(target, std::vector<std::string>{"a", "a", "b", "a"});
  EXPECT_NEAR(rates("a"), 1.0 / 3, 1e-15);
  EXPECT_EQ(rates("b"), 0.5);
  EXPECT_EQ(rates("unseen"), 0.375);
  EXPECT_THROW(fit_constant({}), std::invalid_argument);
}

TEST(Posthoc, IsotonicByHand) {
  const IsotonicMap map =
      fit_isotonic(std::vector<double>{0.4, 0.1, 0.2, 0.3}, std::vector<double>{1, 0, 1, 0});
  EXPECT_EQ(map.x, (std::vector<double>{0.1, 0.2, 0.3, 0.4}));
  EXPECT_EQ(map.y, (std::vector<double>{0, 0.5, 0.5, 1}));
  EXPECT_EQ(map(0), 0);
  EXPECT_NEAR(map(0.15), 0.25, 1e-12);
  EXPECT_EQ(map(0.9), 1);
}

TEST(Posthoc, AgreeWithScikitLearn) {
  const auto confidence = golden().at("confidence").get<std::vector<double>>(),
             target = golden().at("target").get<std::vector<double>>();
  const auto fitted = golden().at("fitted_on").get<size_t>();
  const std::span<const double> x(confidence.data(), fitted), y(target.data(), fitted);
  const auto isotonic = golden().at("isotonic").get<std::vector<double>>();
  const IsotonicMap map = fit_isotonic(x, y);
  for (size_t i = 0; i < isotonic.size(); ++i)
    EXPECT_NEAR(map(confidence[fitted + i]), isotonic[i],
                1e-7);  // sklearn's thresholds are rounded
  const LogitMap platt = fit_platt(x, y), temperature = fit_temperature(x, y);
  EXPECT_NEAR(platt.slope, golden().at("platt")[0].get<double>(), 1e-6);
  EXPECT_NEAR(platt.offset, golden().at("platt")[1].get<double>(), 1e-6);
  EXPECT_NEAR(temperature.slope, golden().at("temperature_slope").get<double>(), 1e-6);
  EXPECT_EQ(temperature.offset, 0);
}

TEST(Posthoc, DegenerateSamples) {
  const LogitMap same =
      fit_platt(std::vector<double>{0.9, 0.9, 0.9, 0.9}, std::vector<double>{1, 0, 0, 0});
  EXPECT_NEAR(same(0.9), 0.25, 1e-6);
  const LogitMap reversed =
      fit_temperature(std::vector<double>{0.9, 0.1}, std::vector<double>{0, 1});
  EXPECT_EQ(reversed.slope, 0);
  EXPECT_EQ(reversed(0.9), 0.5);
  const LogitMap separable =
      fit_platt(std::vector<double>{1, 1, 0, 0}, std::vector<double>{1, 1, 0, 0});
  EXPECT_GT(separable(1), 0.99);
  EXPECT_LT(separable(0), 0.01);
}

struct ProbeGolden {
  std::vector<float> features;
  std::vector<double> target, probability;
  int64_t width, train;
  double lambda;
  explicit ProbeGolden(const nlohmann::json& json)
      : features(json.at("features").get<std::vector<float>>()),
        target(json.at("target").get<std::vector<double>>()),
        probability(json.at("probability").get<std::vector<double>>()),
        width(json.at("width").get<int64_t>()),
        train(json.at("train").get<int64_t>()),
        lambda(json.at("lambda").get<double>()) {}
  ProbeData part(int64_t begin, int64_t count) const {
    return {.features = std::span(features).subspan(static_cast<size_t>(begin * width),
                                                    static_cast<size_t>(count * width)),
            .width = width,
            .target =
                std::span(target).subspan(static_cast<size_t>(begin), static_cast<size_t>(count))};
  }
};

TEST(LogisticProbe, AgreesWithScikitLearn) {
  const ProbeGolden data(golden().at("probe"));
  const LogisticProbe probe = fit_logistic_probe(data.part(0, data.train), data.lambda);
  const std::vector<double> probability = probe.predict(data.features);
  ASSERT_EQ(probability.size(), data.probability.size());
  for (size_t i = 0; i < probability.size(); ++i)
    EXPECT_NEAR(probability[i], data.probability[i], 1e-6);
  EXPECT_EQ(probe.inverse_scale[5], 0);  // the constant feature
}

TEST(LogisticProbe, SelectionTakesTheLowestValidationBrier) {
  const ProbeGolden data(golden().at("probe"));
  const ProbeData train = data.part(0, 40), validation = data.part(40, 20);
  const ProbeSelection best = select_logistic_probe(train, validation);
  for (const double lambda : kProbeLambdas) {
    const auto probability = fit_logistic_probe(train, lambda).predict(validation.features);
    double sum = 0;
    for (size_t i = 0; i < 20; ++i)
      sum += (probability[i] - validation.target[i]) * (probability[i] - validation.target[i]);
    EXPECT_GE(sum / 20, best.validation_brier - 1e-9);
    if (lambda == best.lambda) {
      EXPECT_NEAR(sum / 20, best.validation_brier, 1e-7);  // a warm start ends at the same optimum
    }
  }
}

TEST(LogisticProbe, AWeightOfTwoIsTheExampleTwice) {
  const std::vector<float> once = {1, 0, 2, 1, -1, 3, 0, 0.5F},
                           twice = {1, 0, 2, 1, -1, 3, 0, 0.5F, 1, 0, 2, 1};
  const std::vector<double> target = {1, 0, 0, 1}, target_twice = {1, 0, 0, 1, 1, 0},
                            weight = {2, 2, 1, 1};
  // Features are standardised by the examples as they are, so the two fits have the same optimum
  // only without a penalty to speak of.
  const auto weighted = fit_logistic_probe({once, 2, target, weight}, 1e-9).predict(once),
             doubled = fit_logistic_probe({twice, 2, target_twice}, 1e-9).predict(once);
  for (size_t i = 0; i < weighted.size(); ++i) EXPECT_NEAR(weighted[i], doubled[i], 1e-3);
  const std::vector<double> too_few = {1};
  EXPECT_THROW(fit_logistic_probe({once, 2, target, too_few}, 1), std::invalid_argument);
}

TEST(LogisticProbe, WideAndCorrelatedFeaturesConverge) {
  constexpr int64_t kExamples = 300, kWidth = 576;
  std::vector<float> features;
  std::vector<double> target;
  uint64_t state = 1;
  const auto uniform = [&] {
    state = state * 6364136223846793005ULL + 1442695040888963407ULL;
    return static_cast<float>(state >> 40) * 0x1p-24f - 0.5f;
  };
  for (int64_t i = 0; i < kExamples; ++i) {
    const float common = 20 * uniform(), signal = uniform();
    for (int64_t j = 0; j < kWidth; ++j)
      features.push_back(common + (j % 7 == 0 ? signal : 0.f) + 0.3f * uniform());
    target.push_back(signal + 0.1f * uniform() > 0 ? 1 : 0);
  }
  const ProbeData all{.features = features, .width = kWidth, .target = target};
  const auto probability = fit_logistic_probe(all, 0.01).predict(features);
  double right = 0;
  for (size_t i = 0; i < target.size(); ++i) right += (probability[i] > 0.5) == (target[i] > 0.5);
  EXPECT_GT(right / kExamples, 0.95);
}

TEST(LogisticProbe, RejectsBadInput) {
  const std::vector<double> target = {1, 0};
  const std::vector<float> three(3), broken = {1, NAN, 0, 0}, fine = {1, 2, 3, 4};
  EXPECT_THROW(fit_logistic_probe({.features = three, .width = 2, .target = target}, 1),
               std::invalid_argument);
  EXPECT_THROW(fit_logistic_probe({.features = broken, .width = 2, .target = target}, 1),
               std::invalid_argument);
  EXPECT_THROW(fit_logistic_probe({.features = fine, .width = 2, .target = target}, 0),
               std::invalid_argument);
  EXPECT_THROW(fit_logistic_probe({.features = {}, .width = 2, .target = {}}, 1),
               std::invalid_argument);
}

}  // namespace
}  // namespace candor::trainer
