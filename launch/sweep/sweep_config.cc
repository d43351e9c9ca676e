#include "launch/sweep/sweep_config.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <exception>
#include <filesystem>
#include <map>
#include <random>
#include <stdexcept>
#include <utility>

#include "data_pipeline/files/read_file.h"
#include "launch/config/key_type.h"
#include "launch/config/yaml_scalars.h"
#include "launch/config/yaml_warnings.h"
#include "launch/sweep/sweep_section.h"
#include "launch/sweep/sweep_values.h"

namespace candor::launch {
namespace {

using Kind = YamlNode::Kind;

Condition condition_in(const YamlNode& node, const std::string& path, const SearchSpace& before) {
  if (node.kind != Kind::kMap || node.entries.size() != 1)
    fail_at(node, path, "one key with its values, as {lora.rank: [16]}");
  const auto& [key, values] = node.entries.front();
  const auto parent = std::find_if(before.begin(), before.end(),
                                   [&](const Parameter& p) { return p.key == key.scalar; });
  if (parent == before.end()) {
    throw std::invalid_argument(
        fmt::format("{}: {}: {} isn't a parameter above this one", key.where, path, key.scalar));
  }
  Condition condition{.key = key.scalar, .values = {}};
  for (const YamlNode& value :
       values.kind == Kind::kList ? values.items : std::vector<YamlNode>{values}) {
    condition.values.push_back(flow_text(value));
    if (parent->position_of(condition.values.back()) < 0 ||
        parent->kind == ParameterKind::kUniform || parent->kind == ParameterKind::kLogUniform) {
      throw std::invalid_argument(
          fmt::format("{}: {}: {} is never {}: a condition names values of a choice or an integer",
                      value.where, path, key.scalar, condition.values.back()));
    }
  }
  if (condition.values.empty()) fail_at(values, path, "at least one value");
  return condition;
}

void read_range(const YamlNode& node, const std::string& path, Parameter& parameter) {
  if (node.kind != Kind::kList || node.items.size() != 2) fail_at(node, path, "[low, high]");
  for (size_t i = 0; i < 2; ++i) {
    const bool whole = parameter.kind == ParameterKind::kInteger;
    const std::optional<double> value =
        whole ? std::optional<double>(integer_in(node.items[i])) : number_in(node.items[i]);
    if (!value) fail_at(node.items[i], path, whole ? "a whole number" : "a number");
    (i == 0 ? parameter.low : parameter.high) = *value;
  }
  if (parameter.low >= parameter.high)
    fail_at(node.items[1], path, fmt::format("more than {:g}", parameter.low));
  if (parameter.kind == ParameterKind::kLogUniform && parameter.low <= 0)
    fail_at(node.items[0], path, "a number above 0");
}

// A range gives numbers between its ends, which the key has to take too.
void check_range_fits(const YamlNode& name, const YamlNode& range, const Parameter& parameter) {
  if (parameter.kind == ParameterKind::kChoice) return;
  const std::optional<KeyType> type = type_of_key(parameter.key);
  const bool numbers =
      type && type->names.empty() &&
      (type->kind == KeyType::Kind::kWhole || type->kind == KeyType::Kind::kNumber);
  const bool whole = type && type->kind == KeyType::Kind::kWhole;
  if (numbers && (!whole || parameter.kind == ParameterKind::kInteger)) return;
  std::string expected = "{choice: [...]}, because it takes no range of numbers";
  if (numbers) {
    const double low = std::ceil(parameter.low), high = std::floor(parameter.high);
    expected =
        fmt::format("{}{{choice: [...]}}, because it takes whole numbers only",
                    low < high ? fmt::format("{{integer: [{:.0f}, {:.0f}]}} or ", low, high) : "");
  } else if (type && !type->names.empty()) {
    expected = fmt::format("{{choice: [{}]}} or some of these, because it takes nothing else",
                           fmt::join(type->names, ", "));
  }
  throw std::invalid_argument(fmt::format("{}: space.{}: expected {}, got {{{}: [{}, {}]}}",
                                          name.where, parameter.key, expected, name.scalar,
                                          range.items[0].scalar, range.items[1].scalar));
}

Parameter parameter_in(const YamlNode& key, const YamlNode& node, const SearchSpace& before) {
  const std::map<std::string, ParameterKind> kinds = {{"choice", ParameterKind::kChoice},
                                                      {"uniform", ParameterKind::kUniform},
                                                      {"log_uniform", ParameterKind::kLogUniform},
                                                      {"integer", ParameterKind::kInteger}};
  Parameter parameter{.key = config_key(key)};
  const std::string path = "space." + parameter.key;
  if (node.kind != Kind::kMap)
    fail_at(
        node, path,
        "{choice: [...]}, {uniform: [low, high]}, {log_uniform: [low, high]} or {integer: [low, "
        "high]}");
  int kinds_given = 0;
  for (const auto& [name, value] : node.entries) {
    if (name.scalar == "when") {
      parameter.when = condition_in(value, path + ".when", before);
    } else if (name.scalar == "grid") {
      parameter.grid = whole_in(value, path + ".grid", 1);
    } else {
      parameter.kind = one_of(name, path, kinds);
      ++kinds_given;
      if (parameter.kind != ParameterKind::kChoice) {
        read_range(value, path + "." + name.scalar, parameter);
        check_range_fits(name, value, parameter);
        continue;
      }
      if (value.kind != Kind::kList || value.items.empty())
        fail_at(value, path + ".choice", "a list of at least one value");
      for (const YamlNode& item : value.items) {
        const std::string text = flow_text(item);
        if (std::count(parameter.choices.begin(), parameter.choices.end(), text) > 0)
          fail_at(item, path + ".choice", "each value once");
        parameter.choices.push_back(text);
      }
    }
  }
  if (kinds_given != 1) fail_at(node, path, "one of choice, uniform, log_uniform and integer");
  if (parameter.kind == ParameterKind::kChoice && parameter.grid > 0)
    fail_at(node, path, "grid for a range of numbers only, because a grid takes every choice");
  return parameter;
}

void check_method(const YamlNode& root, SweepConfig& sweep) {
  const auto problem = [&](const std::string& what) {
    throw std::invalid_argument(fmt::format("{}: {}", root.where, what));
  };
  if (sweep.space.empty() && sweep.points.empty())
    problem("the space is empty: expected at least one key under `space`, or `points`");
  if (sweep.method == SearchMethod::kPoints && sweep.points.empty())
    problem("sweep.method: points needs a list `points`");
  if (sweep.method != SearchMethod::kPoints && sweep.space.empty())
    sweep.method = SearchMethod::kPoints;
  if (sweep.method == SearchMethod::kGrid) grid_points(sweep.space);
  const bool finite = sweep.method == SearchMethod::kGrid || sweep.method == SearchMethod::kPoints;
  if (!finite && sweep.trials == 0) problem("sweep.trials: expected how many points to try");
}

void choose_rungs(const YamlNode& root, const FirstRung& first_rung, SweepConfig& sweep) {
  const int64_t last = sweep.base.train.batches.max_steps,
                every = sweep.base.train.validation.every;
  if (sweep.halving == Halving::kNone) {
    if (first_rung.steps > 0)
      fail_at(first_rung.where, "sweep.first_rung_steps", "nothing without sweep.halving");
    sweep.rungs = {last};
    return;
  }
  if (last == 0)
    throw std::invalid_argument(fmt::format(
        "{}: sweep.halving compares at steps: give the base train.max_steps instead of epochs",
        root.where));
  for (const Parameter& parameter : sweep.space) {
    if (parameter.key == "train.max_steps" || parameter.key == "train.epochs") {
      throw std::invalid_argument(fmt::format(
          "{}: space.{} and sweep.halving exclude each other: halving decides how long each trains",
          root.where, parameter.key));
    }
  }
  const int64_t first = first_rung.steps > 0 ? first_rung.steps : every;
  if (first % every != 0) {
    fail_at(
        first_rung.where, "sweep.first_rung_steps",
        fmt::format(
            "a multiple of train.validate_every ({}), because trials are compared by a validation",
            every));
  }
  for (int64_t step = first; step < last; step *= sweep.factor) sweep.rungs.push_back(step);
  sweep.rungs.push_back(last);
}

// Throws what is wrong with a value that fits neither alone nor in any of some points.
void check_value(const SweepConfig& sweep, const Parameter& parameter, const std::string& value) {
  std::exception_ptr problem;
  std::mt19937_64 numbers(1);
  for (int attempt = 0; attempt < 33; ++attempt) {
    Point point;
    if (attempt > 0) {
      std::vector<double> unit;
      for (size_t i = 0; i < sweep.space.size(); ++i)
        unit.push_back(static_cast<double>(numbers() >> 11) / 9007199254740992.0);
      point = point_at(sweep.space, unit);
      std::erase_if(point.values, [&](const auto& entry) { return entry.first == parameter.key; });
    }
    point.values.emplace_back(parameter.key, value);
    try {
      config_of_point(sweep, point);
      return;
    } catch (const std::invalid_argument&) {
      if (!problem) problem = std::current_exception();
    }
  }
  std::rethrow_exception(problem);
}

}  // namespace

SweepConfig read_sweep_config(const std::string& path) {
  SweepConfig sweep;
  sweep.text = data::read_file(path);
  const YamlNode root = parse_yaml(sweep.text, path);
  if (root.kind != Kind::kMap) fail_at(root, "the file", "the sections sweep and space");
  FirstRung first_rung;
  bool has_sweep = false;
  for (const auto& [key, value] : root.entries) {
    if (key.scalar == "sweep") {
      has_sweep = true;
      read_sweep_section(value, std::filesystem::path(path).parent_path().string(), sweep,
                         first_rung);
    } else if (key.scalar == "space") {
      if (value.kind != Kind::kMap && value.kind != Kind::kNull)
        fail_at(value, "space", "keys of a run's config");
      for (const auto& [name, parameter] : value.entries)
        sweep.space.push_back(parameter_in(name, parameter, sweep.space));
    } else if (key.scalar == "points") {
      if (value.kind != Kind::kList) fail_at(value, "points", "a list of points");
      for (const YamlNode& point : value.items) sweep.points.push_back(point_in(point, "points"));
    } else {
      throw std::invalid_argument(fmt::format("{}: no section {}; expected sweep, space and points",
                                              key.where, key.scalar));
    }
  }
  if (!has_sweep) throw std::invalid_argument(fmt::format("{}: there is no section sweep", path));
  sweep.warnings = escape_warnings(root);
  RunConfigAndWarnings base = read_run_config_and_warnings(sweep.base_path, sweep.overrides);
  sweep.base = std::move(base.config);
  sweep.warnings.insert(sweep.warnings.end(), base.warnings.begin(), base.warnings.end());
  check_method(root, sweep);
  choose_rungs(root, first_rung, sweep);
  // A value that doesn't fit is told now, not when its trial starts.
  for (const Parameter& parameter : sweep.space) {
    std::vector<std::string> values = parameter.choices;
    if (values.empty()) values = {parameter.first_value(), parameter.last_value()};
    for (const std::string& value : values) check_value(sweep, parameter, value);
  }
  for (const Point& point : sweep.points) config_of_point(sweep, point);
  return sweep;
}

RunConfig config_of_point(const SweepConfig& sweep, const Point& point) {
  std::vector<std::string> overrides = sweep.overrides;
  for (const auto& [key, value] : point.values) overrides.push_back(key + "=" + value);
  return read_run_config(sweep.base_path, overrides);
}

}  // namespace candor::launch
