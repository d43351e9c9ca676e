#include "launch/sweep/search_space.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <stdexcept>

namespace candor::launch {
namespace {

std::string number_text(double value) {
  return fmt::format("{:.6g}", value);
}  // short enough to read, and a YAML number

std::optional<double> number_of(const std::string& text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

bool holds(const Condition& condition, const Point& point) {
  const std::string* value = point.find(condition.key);
  return value != nullptr &&
         std::count(condition.values.begin(), condition.values.end(), *value) > 0;
}

}  // namespace

std::string Parameter::value_at(double u) const {
  switch (kind) {
    case ParameterKind::kChoice:
      return choices[std::min(static_cast<size_t>(u * static_cast<double>(choices.size())),
                              choices.size() - 1)];
    case ParameterKind::kUniform: return number_text(low + u * (high - low));
    case ParameterKind::kLogUniform:
      return number_text(std::exp(std::log(low) + u * (std::log(high) - std::log(low))));
    case ParameterKind::kInteger:
      return fmt::format(
          "{}", static_cast<int64_t>(std::min(low + std::floor(u * (high - low + 1)), high)));
  }
  return "";
}

std::string Parameter::last_value() const {
  return kind == ParameterKind::kChoice
             ? choices.back()
             : (kind == ParameterKind::kInteger ? value_at(0.999999) : number_text(high));
}

double Parameter::position_of(const std::string& value) const {
  if (kind == ParameterKind::kChoice) {
    const auto found = std::find(choices.begin(), choices.end(), value);
    return found == choices.end() ? -1
                                  : (static_cast<double>(found - choices.begin()) + 0.5) /
                                        static_cast<double>(choices.size());
  }
  const std::optional<double> number = number_of(value);
  // Six digits may have rounded past an end.
  const double slack = 1e-5 * std::max(std::abs(low), std::abs(high));
  if (!number || *number < low - slack || *number > high + slack) return -1;
  double position = 0;
  if (kind == ParameterKind::kInteger) {
    position = (*number - low + 0.5) / (high - low + 1);
  } else if (high > low) {
    position = kind == ParameterKind::kUniform ? (*number - low) / (high - low)
                                               : std::log(*number / low) / std::log(high / low);
  }
  return std::clamp(position, 0.0, std::nextafter(1.0, 0.0));
}

std::vector<std::string> Parameter::grid_values() const {
  if (kind == ParameterKind::kChoice) return choices;
  std::vector<std::string> values;
  int64_t count = grid;
  const auto whole = static_cast<int64_t>(high - low) + 1;
  if (kind == ParameterKind::kInteger) count = grid == 0 ? whole : std::min(grid, whole);
  for (int64_t i = 0; i < count; ++i) {
    const double share = count == 1 ? 0.5 : static_cast<double>(i) / static_cast<double>(count - 1);
    if (kind == ParameterKind::kInteger) {
      values.push_back(
          fmt::format("{}", static_cast<int64_t>(std::llround(low + share * (high - low)))));
    } else if (kind == ParameterKind::kUniform) {
      values.push_back(number_text(low + share * (high - low)));
    } else {
      values.push_back(
          number_text(std::exp(std::log(low) + share * (std::log(high) - std::log(low)))));
    }
  }
  return values;
}

const std::string* Point::find(const std::string& key) const {
  for (const auto& [name, value] : values) {
    if (name == key) return &value;
  }
  return nullptr;
}

std::string Point::text() const {
  std::string text;
  for (const auto& [key, value] : values)
    text += fmt::format("{}{}={}", text.empty() ? "" : " ", key, value);
  return text.empty() ? "the base config" : text;
}

Point point_at(const SearchSpace& space, std::span<const double> unit) {
  Point point;
  for (size_t i = 0; i < space.size(); ++i) {
    if (!space[i].when || holds(*space[i].when, point))
      point.values.emplace_back(space[i].key, space[i].value_at(unit[i]));
  }
  return point;
}

std::vector<double> position_of(const SearchSpace& space, const Point& point) {
  std::vector<double> unit;
  for (const Parameter& parameter : space) {
    const std::string* value = point.find(parameter.key);
    unit.push_back(value == nullptr ? -1 : parameter.position_of(*value));
  }
  return unit;
}

std::vector<Point> grid_points(const SearchSpace& space, size_t most) {
  std::vector<Point> points = {{}};
  for (const Parameter& parameter : space) {
    const std::vector<std::string> values = parameter.grid_values();
    if (values.empty()) {
      throw std::invalid_argument(
          fmt::format("space.{}: a grid needs to know how many values to take: add grid: N, as in "
                      "{{log_uniform: [1e-4, 1e-3], grid: 3}}",
                      parameter.key));
    }
    std::vector<Point> longer;
    for (const Point& point : points) {
      if (parameter.when && !holds(*parameter.when, point)) {
        longer.push_back(point);
        continue;
      }
      for (const std::string& value : values) {
        longer.push_back(point);
        longer.back().values.emplace_back(parameter.key, value);
      }
      if (longer.size() > most)
        throw std::invalid_argument(fmt::format(
            "space: the grid has more than {} points; take fewer values, or method random", most));
    }
    points = std::move(longer);
  }
  return points;
}

}  // namespace candor::launch
