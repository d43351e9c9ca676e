// What a sweep tries: parameters, each a key of a run's config with the values that it may take,
// and points, which give each its value.
//
// A point is made from a vector of the unit cube, one number a parameter, so every method (random,
// Sobol, TPE) is a way to choose such vectors. A value is the text that `--set key=value` would
// have. A parameter with a condition is left out of the point where the condition doesn't hold.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace candor::launch {

enum class ParameterKind { kChoice, kUniform, kLogUniform, kInteger };

struct Condition {
  std::string key;                  // of a parameter that stands before
  std::vector<std::string> values;  // one of which it must have
};

struct Parameter {
  std::string key;
  ParameterKind kind = ParameterKind::kChoice;
  std::vector<std::string> choices{};  // kChoice
  double low = 0, high = 0;            // the others; both ends belong to it
  int64_t grid = 0;                    // values of a grid; 0: not said
  std::optional<Condition> when{};

  // u in [0, 1).
  std::string value_at(double u) const;
  std::string first_value() const { return value_at(0); }
  std::string last_value() const;  // choices in their order, numbers from low to high
  // Where a value lies in [0, 1): value_at gives it back. -1 for one that this parameter can't
  // take.
  double position_of(const std::string& value) const;
  // In order. Empty: a kind without steps whose `grid` isn't given.
  std::vector<std::string> grid_values() const;
};

struct Point {
  std::vector<std::pair<std::string, std::string>> values{};  // key, value; in the space's order
  bool operator==(const Point&) const = default;

  const std::string* find(const std::string& key) const;
  std::string text() const;  // "train.learning_rate=0.001 lora.rank=8"
};

using SearchSpace = std::vector<Parameter>;

Point point_at(const SearchSpace& space, std::span<const double> unit);
// Where its values lie; -1 for parameters that it leaves out.
std::vector<double> position_of(const SearchSpace& space, const Point& point);

// Every combination, without those that a condition makes equal. Throws std::invalid_argument
// naming a parameter that needs `grid`, and for more than `most` points.
std::vector<Point> grid_points(const SearchSpace& space, size_t most = 100000);

}  // namespace candor::launch
