#include "launch/sweep/proposals.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <random>
#include <stdexcept>

#include "launch/sweep/point_check.h"

namespace candor::launch {
namespace {

constexpr uint64_t kAttempts = 1000;   // draws for a point that is new
constexpr uint64_t kTpeAttempts = 20;  // of them by TPE, which likes to come back to a place
constexpr size_t kMostEnumerated = 100000;
constexpr int kTpeCandidates = 24;
constexpr double kGoodShare = 0.25;

double unit_number(std::mt19937_64& numbers) {
  return static_cast<double>(numbers() >> 11) / 9007199254740992.0;
}

std::mt19937_64 numbers_of(uint64_t seed, size_t index, uint64_t attempt = 0) {
  std::vector<uint32_t> words = {static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32),
                                 static_cast<uint32_t>(index)};
  if (attempt > 0) words.push_back(static_cast<uint32_t>(attempt));
  std::seed_seq sequence(words.begin(), words.end());
  return std::mt19937_64(sequence);
}

// Every point of a space of choices and integers; none for another, and for one that is too large
// to be used up.
std::vector<Point> all_points(SearchSpace space) {
  for (Parameter& parameter : space) {
    const bool range = parameter.kind != ParameterKind::kChoice;
    if ((range && parameter.kind != ParameterKind::kInteger) ||
        parameter.high - parameter.low >= static_cast<double>(kMostEnumerated))
      return {};
    parameter.grid = 0;  // every integer
  }
  try {
    return grid_points(space, kMostEnumerated);
  } catch (const std::invalid_argument&) {
    return {};
  }
}

// A Parzen estimate on [0, 1): a normal around each observed position, and the uniform density as
// if it had been observed once.
class Parzen {
 public:
  explicit Parzen(std::vector<double> positions) : positions_(std::move(positions)) {
    width_ = std::max(0.05, 1.0 / static_cast<double>(positions_.size() + 1));
  }

  double density(double u) const {
    double sum = 1;
    for (const double position : positions_) {
      const double z = (u - position) / width_;
      sum += std::exp(-0.5 * z * z) / (width_ * std::sqrt(2 * std::numbers::pi));
    }
    return sum / static_cast<double>(positions_.size() + 1);
  }

  double sample(std::mt19937_64& numbers) const {
    const auto chosen =
        static_cast<size_t>(unit_number(numbers) * static_cast<double>(positions_.size() + 1));
    if (chosen >= positions_.size()) return unit_number(numbers);
    for (int attempt = 0; attempt < 100; ++attempt) {
      // Box and Muller, so that every standard library gives the same numbers.
      const double radius = std::sqrt(-2 * std::log(1 - unit_number(numbers)));
      const double u = positions_[chosen] +
                       width_ * radius * std::cos(2 * std::numbers::pi * unit_number(numbers));
      if (u >= 0 && u < 1) return u;
    }
    return positions_[chosen];
  }

 private:
  std::vector<double> positions_;
  double width_;
};

}  // namespace

Proposals::Proposals(const SweepConfig& sweep) : sweep_(sweep), listed_(sweep.points) {
  if (sweep.method == SearchMethod::kGrid) {
    for (Point& point : grid_points(sweep.space)) listed_.push_back(std::move(point));
  }
  count_ = is_listed(sweep.method) ? listed_.size() : static_cast<size_t>(sweep.trials);
  if (is_listed(sweep.method) && sweep.trials > 0)
    count_ = std::min(count_, static_cast<size_t>(sweep.trials));
}

void Proposals::add(const Point& point) {
  is_new(point);
  trained_.insert(known_.at(point.text()));
  ++made_;
}

bool Proposals::is_new(const Point& point) {
  const auto [known, unknown] = known_.try_emplace(point.text());
  if (unknown) known->second = check_point(sweep_, point).training;
  return trained_.count(known->second) == 0;
}

std::optional<Point> Proposals::next(const std::vector<Observation>& observations) {
  if (all_made()) return std::nullopt;
  for (; listed_done_ < listed_.size(); ++listed_done_) {
    if (is_new(listed_[listed_done_])) return listed_[listed_done_];
  }
  for (uint64_t attempt = 0; !is_listed(sweep_.method) && attempt < kAttempts; ++attempt) {
    const Point point = drawn(attempt, observations);
    if (is_new(point)) return point;
  }
  std::optional<Point> left = any_that_is_left();
  if (!left) count_ = made_;
  return left;
}

std::optional<Point> Proposals::any_that_is_left() {
  if (is_listed(sweep_.method)) return std::nullopt;
  const std::vector<Point> all = all_points(sweep_.space);
  if (all.empty()) return std::nullopt;
  std::mt19937_64 numbers = numbers_of(sweep_.seed, made_, kAttempts);
  const auto first = static_cast<size_t>(unit_number(numbers) * static_cast<double>(all.size()));
  for (size_t i = 0; i < all.size(); ++i) {
    const Point& point = all[(first + i) % all.size()];
    if (is_new(point)) return point;
  }
  return std::nullopt;
}

Point Proposals::drawn(uint64_t attempt, const std::vector<Observation>& observations) const {
  if (sweep_.method == SearchMethod::kSobol) {
    // Further ones come from beyond those of the points that are still to be proposed.
    const size_t index = attempt > 0 ? static_cast<size_t>(sweep_.trials) + attempt - 1
                                     : made_ - std::min(made_, listed_.size());
    return point_at(sweep_.space, sobol_unit(index));
  }
  if (sweep_.method == SearchMethod::kTpe && attempt < kTpeAttempts)
    return point_at(sweep_.space, tpe_unit(attempt, observations));
  return point_at(sweep_.space, random_unit(attempt));
}

std::vector<double> Proposals::random_unit(uint64_t attempt) const {
  std::mt19937_64 numbers = numbers_of(sweep_.seed, made_, attempt);
  std::vector<double> unit;
  for (size_t i = 0; i < sweep_.space.size(); ++i) unit.push_back(unit_number(numbers));
  return unit;
}

// libtorch's sequence (Joe and Kuo 2008), moved by a random vector modulo 1, so that seeds differ
// and the first point isn't a corner.
std::vector<double> Proposals::sobol_unit(size_t index) const {
  const auto dimensions = static_cast<int64_t>(sweep_.space.size());
  at::Tensor state = at::zeros({dimensions, 30}, at::kLong);
  at::_sobol_engine_initialize_state_(state, dimensions);
  at::Tensor quasi = at::zeros({dimensions}, at::kLong);
  // The zeroth point is 0; `generated` counts those after it.
  if (index > 1)
    at::_sobol_engine_ff_(quasi, static_cast<int64_t>(index) - 1, state, dimensions, 0);
  at::Tensor drawn = at::zeros({1, dimensions}, at::kDouble);
  if (index > 0) {
    drawn = std::get<0>(at::_sobol_engine_draw(quasi, 1, state, dimensions,
                                               static_cast<int64_t>(index) - 1, at::kDouble));
  }
  std::mt19937_64 numbers = numbers_of(sweep_.seed, 0);
  std::vector<double> unit;
  for (int64_t i = 0; i < dimensions; ++i)
    unit.push_back(std::fmod(drawn[0][i].item<double>() + unit_number(numbers), 1.0));
  return unit;
}

std::vector<double> Proposals::tpe_unit(uint64_t attempt,
                                        const std::vector<Observation>& observations) const {
  if (observations.size() < kRandomBeforeTpe) return random_unit(attempt);
  std::vector<Observation> sorted = observations;
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const Observation& a, const Observation& b) { return a.value < b.value; });
  const auto good = std::max<size_t>(
      1, static_cast<size_t>(std::ceil(kGoodShare * static_cast<double>(sorted.size()))));
  std::vector<std::vector<double>> positions;
  for (const Observation& observation : sorted)
    positions.push_back(position_of(sweep_.space, observation.point));
  std::mt19937_64 numbers = numbers_of(sweep_.seed, made_, attempt);
  std::vector<double> unit;
  for (size_t i = 0; i < sweep_.space.size(); ++i) {
    std::vector<double> of_good, of_others;
    for (size_t o = 0; o < positions.size(); ++o) {
      if (positions[o][i] >= 0) (o < good ? of_good : of_others).push_back(positions[o][i]);
    }
    const Parzen better(of_good), worse(of_others);
    double best = 0, best_ratio = -1;
    for (int candidate = 0; candidate < kTpeCandidates; ++candidate) {
      const double u = better.sample(numbers), ratio = better.density(u) / worse.density(u);
      if (ratio > best_ratio) std::tie(best, best_ratio) = std::pair(u, ratio);
    }
    unit.push_back(best);
  }
  return unit;
}

}  // namespace candor::launch
