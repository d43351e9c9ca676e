// What stands at the axes of sweep.html.
#include "launch/sweep/parameter_ticks.h"

#include <gmock/gmock.h>

namespace candor::launch {
namespace {

using testing::DoubleNear;
using testing::ElementsAre;
using testing::Pair;

auto at(double where, const std::string& text) { return Pair(DoubleNear(where, 1e-6), text); }

TEST(ParameterTicks, EveryChoiceStandsInTheMiddleOfItsPart) {
  const Parameter parameter{.key = "lora.rank", .choices = {"4", "8", "16"}};
  EXPECT_THAT(ticks_of(parameter, 40),
              ElementsAre(at(1.0 / 6, "4"), at(0.5, "8"), at(5.0 / 6, "16")));
}

TEST(ParameterTicks, LongChoicesAreCutBetweenCharacters) {
  const Parameter parameter{
      .key = "prompt.system",
      .choices = {"[q_proj, v_proj]", "\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9"}};
  EXPECT_THAT(ticks_of(parameter, 12),
              ElementsAre(at(0.25, "[q_pro\u2026"),
                          at(0.75, "\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u2026")));
}

TEST(ParameterTicks, NumbersAreRound) {
  const Parameter dropout{
      .key = "lora.dropout", .kind = ParameterKind::kUniform, .low = 0, .high = 0.1};
  EXPECT_THAT(ticks_of(dropout, 40), ElementsAre(at(0, "0"), at(0.25, "0.025"), at(0.5, "0.05"),
                                                 at(0.75, "0.075"), at(1, "0.1")));
  const Parameter warmup{
      .key = "train.warmup_steps", .kind = ParameterKind::kInteger, .low = 1, .high = 4};
  EXPECT_THAT(ticks_of(warmup, 40),
              ElementsAre(at(0.125, "1"), at(0.375, "2"), at(0.625, "3"), at(0.875, "4")));
  const Parameter narrow{.key = "run.seed", .kind = ParameterKind::kInteger, .low = 7, .high = 7};
  EXPECT_THAT(ticks_of(narrow, 40), ElementsAre(at(0.5, "7")));
  const Parameter large{
      .key = "run.seed", .kind = ParameterKind::kInteger, .low = 20261101, .high = 20261130};
  EXPECT_THAT(ticks_of(large, 40), ElementsAre(at(9.5 / 30, "20261110"), at(19.5 / 30, "20261120"),
                                               at(29.5 / 30, "20261130")));
  const Parameter hair{
      .key = "train.beta2", .kind = ParameterKind::kUniform, .low = 0.999, .high = 0.999 + 2e-16};
  EXPECT_LE(ticks_of(hair, 40).size(), 2U);
}

TEST(ParameterTicks, ALogarithmicScaleHasOneTwoAndFive) {
  const Parameter rate{
      .key = "train.learning_rate", .kind = ParameterKind::kLogUniform, .low = 2e-4, .high = 6e-3};
  EXPECT_THAT(ticks_of(rate, 60),
              ElementsAre(at(0, "0.0002"), at(0.269402, "0.0005"), at(0.473197, "0.001"),
                          at(0.676992, "0.002"), at(0.946394, "0.005")));
  const Parameter wide{
      .key = "train.learning_rate", .kind = ParameterKind::kLogUniform, .low = 1e-5, .high = 1e-1};
  EXPECT_THAT(ticks_of(wide, 60), ElementsAre(at(0, "1e-05"), at(0.25, "0.0001"), at(0.5, "0.001"),
                                              at(0.75, "0.01"), at(1, "0.1")));
  const Parameter between{
      .key = "train.learning_rate", .kind = ParameterKind::kLogUniform, .low = 3e-4, .high = 4e-4};
  EXPECT_THAT(ticks_of(between, 60), ElementsAre(at(0, "0.0003"), at(1, "0.0004")));
}

}  // namespace
}  // namespace candor::launch
