// Values and where they lie, grids, conditions, and the proposals made of them.
#include "launch/sweep/search_space.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <set>

#include "launch/sweep/proposals.h"
#include "tests/files/temporary_folder.h"

namespace candor::launch {
namespace {

Parameter choice(const std::string& key, std::vector<std::string> choices) {
  return {.key = key, .choices = std::move(choices)};
}
Parameter range(const std::string& key, ParameterKind kind, double low, double high,
                int64_t grid = 0) {
  return {.key = key, .kind = kind, .low = low, .high = high, .grid = grid};
}

SearchSpace example() {
  Parameter rslora = choice("lora.rslora", {"true", "false"});
  rslora.when = Condition{.key = "lora.rank", .values = {"16"}};
  return {range("train.learning_rate", ParameterKind::kLogUniform, 1e-4, 1e-2, 3),
          choice("lora.rank", {"4", "8", "16"}), rslora,
          range("train.warmup_steps", ParameterKind::kInteger, 0, 10, 2),
          range("lora.dropout", ParameterKind::kUniform, 0, 0.1, 2)};
}

TEST(SearchSpace, ValuesAndTheirPlacesAreInverse) {
  for (const Parameter& parameter : example()) {
    for (double u = 0; u < 1; u += 0.01) {
      const std::string value = parameter.value_at(u);
      const double position = parameter.position_of(value);
      ASSERT_GE(position, 0) << parameter.key << " " << value;
      ASSERT_LT(position, 1);
      EXPECT_EQ(parameter.value_at(position), value) << parameter.key;
      if (parameter.kind == ParameterKind::kLogUniform ||
          parameter.kind == ParameterKind::kUniform) {
        EXPECT_NEAR(position, u, 1e-4);
      }
    }
  }
  EXPECT_EQ(range("a", ParameterKind::kInteger, 3, 5).value_at(0.9999999), "5");
  EXPECT_LT(choice("a", {"x"}).position_of("y"), 0);
  EXPECT_LT(range("a", ParameterKind::kUniform, 0, 1).position_of("2"), 0);
  EXPECT_LT(range("a", ParameterKind::kUniform, 0, 1).position_of("fast"), 0);
}

TEST(SearchSpace, AGridHasEveryCombinationOnceAndKeepsConditions) {
  const std::vector<Point> points = grid_points(example(), 1000);
  EXPECT_EQ(points.size(), 3U * (2 + 2) * 2 * 2);  // rank 16 twice, for rslora
  std::set<std::string> texts;
  for (const Point& point : points) {
    texts.insert(point.text());
    EXPECT_EQ(point.find("lora.rslora") != nullptr, *point.find("lora.rank") == "16");
  }
  EXPECT_EQ(texts.size(), points.size());
  EXPECT_EQ(*points.front().find("train.learning_rate"), "0.0001");
  EXPECT_EQ(*points.back().find("train.learning_rate"), "0.01");
  EXPECT_THROW(grid_points(example(), 10), std::invalid_argument);
  EXPECT_THROW(grid_points({range("a", ParameterKind::kUniform, 0, 1)}, 10), std::invalid_argument)
      << "how many values?";
}

SweepConfig sweep_of(SearchMethod method, int64_t trials, uint64_t seed = 1) {
  static const data::TemporaryFolder folder;
  SweepConfig sweep;
  sweep.base_path = folder / "base.yaml";
  std::ofstream(sweep.base_path) << "run: {dir: d}\nmodel: {path: m}\nlora: {rank: 8}\n";
  sweep.space = example();
  sweep.method = method;
  sweep.trials = trials;
  sweep.seed = seed;
  sweep.objectives = {{.metric = "expectation_brier"}};
  return sweep;
}

// The first `count` proposals; of TPE with what each is worth.
std::vector<Point> proposed(const SweepConfig& sweep, size_t count,
                            double (*worth)(const Point&) = nullptr,
                            const std::vector<Point>& before = {}) {
  Proposals proposals(sweep);
  std::vector<Observation> observations;
  std::vector<Point> points;
  while (points.size() < count) {
    const auto point = points.size() < before.size() ? std::optional(before[points.size()])
                                                     : proposals.next(observations);
    if (!point) break;
    proposals.add(*point);
    points.push_back(*point);
    if (worth != nullptr) observations.push_back({*point, worth(*point)});
  }
  return points;
}

size_t different(const std::vector<Point>& points) {
  std::set<std::string> texts;
  for (const Point& point : points) texts.insert(point.text());
  return texts.size();
}

double rank_eight_is_best(const Point& point) { return *point.find("lora.rank") == "8" ? 0 : 1; }

TEST(Proposals, RandomAndSobolDependOnSeedAndNumberAlone) {
  for (const SearchMethod method : {SearchMethod::kRandom, SearchMethod::kSobol}) {
    const SweepConfig sweep = sweep_of(method, 50), other_seed = sweep_of(method, 50, 2);
    EXPECT_EQ(Proposals(sweep).count(), 50U);
    const std::vector<Point> points = proposed(sweep, 99);
    EXPECT_EQ(points.size(), 50U);
    EXPECT_EQ(different(points), 50U);
    EXPECT_EQ(proposed(sweep, 50), points);
    EXPECT_NE(proposed(other_seed, 50)[7], points[7]);
  }
}

TEST(Proposals, NoPointIsProposedTwiceAndAFiniteSpaceRunsOut) {
  for (const SearchMethod method :
       {SearchMethod::kRandom, SearchMethod::kSobol, SearchMethod::kTpe}) {
    for (const uint64_t seed : {1, 2, 3}) {
      SweepConfig sweep = sweep_of(method, 40, seed);
      Parameter rslora = choice("lora.rslora", {"true", "false"});
      rslora.when = Condition{.key = "lora.rank", .values = {"16"}};
      sweep.space = {choice("lora.rank", {"4", "8", "16"}), rslora,
                     range("train.warmup_steps", ParameterKind::kInteger, 0, 2)};
      const std::vector<Point> points = proposed(sweep, 99, rank_eight_is_best);
      EXPECT_EQ(points.size(), 12U) << "4, 8 and twice 16, with 3 numbers of steps";
      EXPECT_EQ(different(points), 12U);
      for (const size_t known : {0, 1, 5, 11, 12}) {
        EXPECT_EQ(proposed(sweep, 99, rank_eight_is_best,
                           {points.begin(), points.begin() + static_cast<std::ptrdiff_t>(known)}),
                  points)
            << "a sweep that goes on proposes the same";
      }
    }
  }
  // A range never runs out, though one of its neighbours does.
  SweepConfig sweep = sweep_of(SearchMethod::kRandom, 30);
  Parameter alpha = range("lora.alpha", ParameterKind::kUniform, 1, 2);
  alpha.when = Condition{.key = "lora.rank", .values = {"16"}};
  sweep.space = {choice("lora.rank", {"4", "8", "16"}), alpha};
  EXPECT_EQ(different(proposed(sweep, 99)), 30U);
}

TEST(Proposals, PointsThatTrainTheSameAreOne) {
  SweepConfig sweep = sweep_of(SearchMethod::kGrid, 0);
  sweep.space = {choice("lora.rank", {"4", "8"}),
                 choice("train.learning_rate", {"0.001", "1e-3", "0.002"})};
  // Beside the grid: one of its points written otherwise, the base (which has rank 8), and a new
  // one.
  sweep.points = {{.values = {{"train.learning_rate", "1.0e-3"}, {"lora.rank", "+4"}}},
                  {.values = {{"train.learning_rate", "2e-3"}}},
                  {.values = {{"lora.rank", "64"}}},
                  {.values = {{"lora.rank", "64"}}}};
  EXPECT_EQ(proposed(sweep, 99).size(), 5U);
  sweep.method = SearchMethod::kRandom;
  sweep.trials = 20;
  EXPECT_EQ(proposed(sweep, 99).size(), 5U);
}

// Each sixteenth of every axis has one of the first 16 points, which random numbers don't manage.
TEST(Proposals, SobolSpreadsEvenly) {
  SweepConfig sweep = sweep_of(SearchMethod::kSobol, 64);
  sweep.space = {range("train.learning_rate", ParameterKind::kUniform, 1e-3, 1),
                 range("lora.dropout", ParameterKind::kUniform, 0, 0.9)};
  const std::vector<Point> points = proposed(sweep, 16);
  for (size_t axis = 0; axis < 2; ++axis) {
    std::vector<double> places;
    for (const Point& point : points) places.push_back(position_of(sweep.space, point)[axis]);
    const double shift = places.front();  // of the zeroth point, which is 0 before the shift
    std::set<int> sixteenths;
    for (const double place : places)
      sixteenths.insert(
          static_cast<int>(std::floor(std::fmod(place - shift + 1 + 1e-4, 1.0) * 16)));
    EXPECT_EQ(sixteenths.size(), 16U);
  }
}

TEST(Proposals, ListedPointsComeFirstAndAGridIsWhole) {
  SweepConfig sweep = sweep_of(SearchMethod::kGrid, 0);
  sweep.points = {{.values = {{"lora.rank", "64"}}}};
  EXPECT_EQ(Proposals(sweep).count(), 49U);
  const std::vector<Point> points = proposed(sweep, 99);
  EXPECT_EQ(*points.front().find("lora.rank"), "64");
  EXPECT_EQ(different(points), 49U);
  sweep.trials = 5;
  EXPECT_EQ(proposed(sweep, 99).size(), 5U);
}

// A bowl whose best place is known: TPE's last ten points lie nearer to it than its first ten,
// which are random.
TEST(Proposals, TpeComesNearerToWhatWentWell) {
  const SweepConfig sweep = sweep_of(SearchMethod::kTpe, 40);
  Proposals proposals(sweep);
  std::vector<Observation> observations;
  std::vector<double> values;
  for (size_t i = 0; i < 40; ++i) {
    const Point point = proposals.next(observations).value();
    proposals.add(point);
    const std::vector<double> place = position_of(sweep.space, point);
    const double value = std::pow(place[0] - 0.8, 2) + std::pow(place[4] - 0.3, 2) +
                         (*point.find("lora.rank") == "8" ? 0 : 0.2);
    observations.push_back({point, value});
    values.push_back(value);
  }
  double first = 0, last = 0;
  for (size_t i = 0; i < 10; ++i) {
    first += values[i];
    last += values[30 + i];
  }
  EXPECT_LT(last, 0.6 * first);
}

}  // namespace
}  // namespace candor::launch
