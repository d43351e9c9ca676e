#include "trainer/evaluation/evaluation_result.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <fstream>

namespace candor::trainer {
namespace {

ScoredExample example(int64_t index, std::string dataset, double target, int level,
                      bool parsed = true) {
  ScoredExample made;
  made.example_index = index;
  made.id = "q" + std::to_string(index);
  made.dataset = std::move(dataset);
  made.entity = "e" + std::to_string(index / 2);
  made.split = "test";
  made.target = target;
  made.q.assign(10, 0.02);
  made.q[static_cast<size_t>(level)] += 0.8;
  made.format_mass = 0.9;
  made.argmax_level = parsed ? level : -1;
  return made;
}

std::vector<ScoredExample> some_examples() {
  std::vector<ScoredExample> made;
  for (int64_t i = 0; i < 40; ++i) {
    const double target = i % 3 == 0 ? 1 : 0;
    made.push_back(example(i, i % 2 ? "capitals" : "rivers", target,
                           static_cast<int>(target > 0 ? 5 + i % 5 : i % 6)));
  }
  return made;
}

TEST(ScoredExample, ReadOuts) {
  ScoredExample made = example(0, "a", 1, 9);
  EXPECT_NEAR(made.expectation(), 0.02 * 45 / 9 + 0.8, 1e-12);
  EXPECT_EQ(made.argmax_value(), 1);
  made.argmax_level = -1;
  EXPECT_EQ(made.argmax_value(), 0);
  made.q.assign(4, 0.25);
  EXPECT_NEAR(made.entropy(), std::log(4.0), 1e-12);
  EXPECT_NEAR(made.expectation(), 0.5, 1e-12);
}

TEST(ScoredExample, FileReadsBackBitForBit) {
  const std::string path = (std::filesystem::temp_directory_path() /
                            ("candor_scored_" + std::to_string(::getpid()) + ".jsonl"))
                               .string();
  std::vector<ScoredExample> written = some_examples();
  written[3].q[2] = 1.0 / 3;
  written[3].graded = false;
  written[4].id = "quote \" and \xc3\xa9";
  write_scored_examples(path, written);
  const std::vector<ScoredExample> read = read_scored_examples(path);
  ASSERT_EQ(read.size(), written.size());
  for (size_t i = 0; i < read.size(); ++i) {
    EXPECT_EQ(to_json_line(read[i]), to_json_line(written[i]));
    EXPECT_EQ(read[i].q, written[i].q);
  }
  EXPECT_FALSE(read[3].graded);
  std::ofstream(path, std::ios::app) << "{\"id\": \"x\"}\n";
  try {
    read_scored_examples(path);
    FAIL() << "a line without its keys was read";
  } catch (const std::invalid_argument& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr(path + ":41"));
  }
  std::filesystem::remove(path);
}

TEST(Evaluate, CountsUngradedUnparsedAndLevels) {
  std::vector<ScoredExample> examples = some_examples();
  examples[0] = example(0, "rivers", 1, 9, false);
  examples[1].graded = false;
  examples[1].target = NAN;
  const EvaluationTable table = evaluate(examples, {.bootstrap = {.resamples = 50}});
  EXPECT_EQ(table.overall.examples, 40);
  EXPECT_EQ(table.overall.graded, 39);
  EXPECT_EQ(table.overall.unparsed, 1);
  EXPECT_EQ(table.overall.distinct_argmax_levels, 8);
  EXPECT_EQ(table.per_dataset.at("capitals").graded, 19);
  EXPECT_NEAR(table.overall.distribution.at("parsed_share").value, 38.0 / 39, 1e-12);
  // The unparsed example, right but said to be 0, costs 1 in the Brier score of the argmax.
  const std::vector<ScoredExample> parsed(examples.begin() + 1, examples.end());
  const double of_parsed =
      evaluate(parsed, {.bootstrap = {.resamples = 50}}).overall.argmax.at("brier").value;
  EXPECT_NEAR(table.overall.argmax.at("brier").value, (38 * of_parsed + 1) / 39, 1e-12);
  for (const char* name : {"accuracy", "ece", "ece_equal_mass", "auroc", "auroc_within", "brier",
                           "nll", "aurc", "mean_confidence", "spread"}) {
    const MetricValue& metric = table.overall.expectation.at(name);
    EXPECT_LE(metric.low, metric.high) << name;
    EXPECT_FALSE(std::isnan(metric.value)) << name;
  }
}

TEST(Evaluate, OneClassGivesNullAuroc) {
  std::vector<ScoredExample> examples = {example(0, "a", 1, 3), example(2, "a", 1, 5)};
  const nlohmann::json json = to_json(evaluate(examples, {.bootstrap = {.resamples = 10}}));
  EXPECT_TRUE(json.at("overall").at("expectation").at("auroc").at("value").is_null());
  EXPECT_TRUE(json.at("per_dataset").at("a").at("argmax").at("brier").at("low").is_number());
}

TEST(Evaluate, ConfidencesGiveTheSameFiguresAsExamples) {
  const std::vector<ScoredExample> examples = some_examples();
  std::vector<double> confidence, target;
  std::vector<std::string> dataset, entity;
  for (const ScoredExample& made : examples) {
    confidence.push_back(made.expectation());
    target.push_back(made.target);
    dataset.push_back(made.dataset);
    entity.push_back(made.entity);
  }
  EXPECT_EQ(to_json(evaluate_confidences(confidence, target, dataset, entity)).dump(),
            to_json(evaluate(examples).overall.expectation).dump());
}

TEST(Evaluate, NamesTheBadExample) {
  const auto message = [](auto change) {
    std::vector<ScoredExample> examples = some_examples();
    change(examples);
    try {
      evaluate(examples);
    } catch (const std::invalid_argument& error) {
      return std::string(error.what());
    }
    return std::string("nothing thrown");
  };
  EXPECT_THAT(message([](auto& e) { e[7].target = 1.5; }), testing::HasSubstr("'q7'"));
  EXPECT_THAT(message([](auto& e) { e[7].q.pop_back(); }), testing::HasSubstr("expected 10"));
  EXPECT_THAT(message([](auto& e) { e[7].q[0] = NAN; }), testing::HasSubstr("'q7'"));
  EXPECT_THAT(message([](auto& e) { e[7].argmax_level = 10; }), testing::HasSubstr("argmax_level"));
  EXPECT_THAT(message([](auto& e) { e[7].q[0] += 0.1; }), testing::HasSubstr("sum to 1"));
  EXPECT_THAT(message([](auto& e) {
                for (auto& x : e) x.graded = false;
              }),
              testing::HasSubstr("none of 40"));
}

}  // namespace
}  // namespace candor::trainer
