#include "launch/sweep/sweep_config.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <exception>
#include <filesystem>
#include <map>
#include <random>
#include <set>
#include <stdexcept>

#include "data_pipeline/files/read_file.h"
#include "launch/config/nearest_key.h"
#include "launch/config/yaml_scalars.h"
#include "launch/sweep/sweep_names.h"

namespace candor::launch {
namespace {

using Kind = YamlNode::Kind;

// What the sweep itself sets in each trial.
const std::set<std::string> kOwnKeys = {"run.dir", "train.trunk_dir"};

template <typename Value>
std::vector<std::string> keys_of(const std::map<std::string, Value>& map) {
  std::vector<std::string> keys;
  for (const auto& [key, value] : map) keys.push_back(key);
  return keys;
}

[[noreturn]] void fail(const YamlNode& node, const std::string& path, const std::string& expected) {
  throw std::invalid_argument(
      fmt::format("{}: {}: expected {}, got {}", node.where, path, expected, node.description()));
}

std::string text_in(const YamlNode& node, const std::string& path) {
  if (node.kind != Kind::kScalar || node.scalar.empty()) fail(node, path, "a text");
  return node.scalar;
}

template <typename Value>
Value one_of(const YamlNode& node, const std::string& path,
             const std::map<std::string, Value>& choices) {
  const auto found = choices.find(node.kind == Kind::kScalar ? node.scalar : "");
  if (found == choices.end()) {
    fail(node, path,
         fmt::format(
             "one of {}{}", fmt::join(keys_of(choices), ", "),
             node.kind == Kind::kScalar
                 ? fmt::format(" (the nearest is {})", nearest(node.scalar, keys_of(choices)))
                 : ""));
  }
  return found->second;
}

int64_t whole_in(const YamlNode& node, const std::string& path, int64_t least) {
  const std::optional<int64_t> value = integer_in(node);
  if (!value || *value < least || *value > 1000000)
    fail(node, path, fmt::format("a whole number in {}..1000000", least));
  return *value;
}

double hours_in(const YamlNode& node, const std::string& path) {
  const std::optional<double> value = number_in(node);
  if (!value || *value < 0) fail(node, path, "a number from 0");
  return *value;
}

// A value as `--set key=...` takes it.
std::string flow_text(const YamlNode& node) {
  switch (node.kind) {
    case Kind::kNull: return "null";
    case Kind::kScalar: {
      YamlNode bare = node;
      bare.quoted = false;
      const bool reads_otherwise = number_in(bare) || node.scalar.empty() ||
                                   node.scalar == "true" || node.scalar == "false" ||
                                   node.scalar == "null";
      const bool plain = node.scalar.find_first_of(",[]{}:#&*!|>%@`\n\"'") == std::string::npos &&
                         (!node.quoted || !reads_otherwise) && !node.scalar.starts_with(' ') &&
                         !node.scalar.ends_with(' ');
      if (plain) return node.scalar;
      std::string quoted = "\"";
      for (const char c : node.scalar) {
        if (c == '\n') {
          quoted += "\\n";
          continue;
        }
        if (c == '"' || c == '\\') quoted += '\\';
        quoted += c;
      }
      return quoted + "\"";
    }
    case Kind::kList: {
      std::vector<std::string> items;
      for (const YamlNode& item : node.items) items.push_back(flow_text(item));
      return fmt::format("[{}]", fmt::join(items, ", "));
    }
    case Kind::kMap: {
      std::vector<std::string> entries;
      for (const auto& [key, value] : node.entries)
        entries.push_back(fmt::format("{}: {}", flow_text(key), flow_text(value)));
      return fmt::format("{{{}}}", fmt::join(entries, ", "));
    }
  }
  return "";
}

std::string config_key(const YamlNode& node) {
  const std::vector<std::string> all = all_key_paths();
  const std::string& key = node.scalar;
  if (std::count(all.begin(), all.end(), key) == 0) {
    throw std::invalid_argument(fmt::format("{}: no key {} in a run's config; the nearest is {}",
                                            node.where, key, nearest(key, all)));
  }
  if (kOwnKeys.count(key) > 0)
    throw std::invalid_argument(
        fmt::format("{}: {} is the sweep's own; leave it out", node.where, key));
  return key;
}

Condition condition_in(const YamlNode& node, const std::string& path, const SearchSpace& before) {
  if (node.kind != Kind::kMap || node.entries.size() != 1)
    fail(node, path, "one key with its values, as {lora.rank: [16]}");
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
  if (condition.values.empty()) fail(values, path, "at least one value");
  return condition;
}

void read_range(const YamlNode& node, const std::string& path, Parameter& parameter) {
  if (node.kind != Kind::kList || node.items.size() != 2) fail(node, path, "[low, high]");
  for (size_t i = 0; i < 2; ++i) {
    const bool whole = parameter.kind == ParameterKind::kInteger;
    const std::optional<double> value =
        whole ? std::optional<double>(integer_in(node.items[i])) : number_in(node.items[i]);
    if (!value) fail(node.items[i], path, whole ? "a whole number" : "a number");
    (i == 0 ? parameter.low : parameter.high) = *value;
  }
  if (parameter.low >= parameter.high)
    fail(node.items[1], path, fmt::format("more than {:g}", parameter.low));
  if (parameter.kind == ParameterKind::kLogUniform && parameter.low <= 0)
    fail(node.items[0], path, "a number above 0");
}

Parameter parameter_in(const YamlNode& key, const YamlNode& node, const SearchSpace& before) {
  const std::map<std::string, ParameterKind> kinds = {{"choice", ParameterKind::kChoice},
                                                      {"uniform", ParameterKind::kUniform},
                                                      {"log_uniform", ParameterKind::kLogUniform},
                                                      {"integer", ParameterKind::kInteger}};
  Parameter parameter{.key = config_key(key)};
  const std::string path = "space." + parameter.key;
  if (node.kind != Kind::kMap)
    fail(node, path,
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
        continue;
      }
      if (value.kind != Kind::kList || value.items.empty())
        fail(value, path + ".choice", "a list of at least one value");
      for (const YamlNode& item : value.items) {
        const std::string text = flow_text(item);
        if (std::count(parameter.choices.begin(), parameter.choices.end(), text) > 0)
          fail(item, path + ".choice", "each value once");
        parameter.choices.push_back(text);
      }
    }
  }
  if (kinds_given != 1) fail(node, path, "one of choice, uniform, log_uniform and integer");
  return parameter;
}

Point point_in(const YamlNode& node, const std::string& path) {
  if (node.kind != Kind::kMap) fail(node, path, "keys with values, as {lora.rank: 8}");
  Point point;
  for (const auto& [key, value] : node.entries)
    point.values.emplace_back(config_key(key), flow_text(value));
  return point;
}

struct HalvingSteps {
  int64_t first = 0;
  YamlNode where;
};

void read_sweep_section(const YamlNode& section, const std::string& folder, SweepConfig& sweep,
                        HalvingSteps& steps) {
  static const std::vector<std::string> keys = {"dir",           "base",         "set",
                                                "method",        "trials",       "seed",
                                                "objective",     "halving",      "first_rung_steps",
                                                "factor",        "repeat_seeds", "ranks_per_trial",
                                                "retries",       "stall_s",      "max_hours",
                                                "max_slot_hours"};
  if (section.kind != Kind::kMap) fail(section, "sweep", "keys with values");
  sweep.objectives = {{.metric = "expectation_brier"}};
  for (const auto& [key, value] : section.entries) {
    const std::string& name = key.scalar;
    const std::string path = "sweep." + name;
    if (name == "dir") {
      sweep.dir = text_in(value, path);
    } else if (name == "base") {
      const std::filesystem::path base = text_in(value, path);
      sweep.base_path = (base.is_absolute() ? base : std::filesystem::path(folder) / base)
                            .lexically_normal()
                            .string();
    } else if (name == "set") {
      for (const auto& [set_key, set_value] : point_in(value, path).values)
        sweep.overrides.push_back(set_key + "=" + set_value);
    } else if (name == "method") {
      sweep.method = one_of(value, path, kSearchMethods);
    } else if (name == "trials") {
      sweep.trials = whole_in(value, path, 1);
    } else if (name == "seed") {
      sweep.seed = static_cast<uint64_t>(whole_in(value, path, 0));
    } else if (name == "objective") {
      sweep.objectives.clear();
      for (const YamlNode& metric :
           value.kind == Kind::kList ? value.items : std::vector<YamlNode>{value}) {
        sweep.objectives.push_back(
            {.metric = metric.scalar, .larger_is_better = one_of(metric, path, kSweepMetrics)});
      }
      if (sweep.objectives.empty()) fail(value, path, "at least one metric");
    } else if (name == "halving") {
      sweep.halving = one_of(value, path, kHalvings);
    } else if (name == "first_rung_steps") {
      steps = {.first = whole_in(value, path, 1), .where = value};
    } else if (name == "factor") {
      sweep.factor = whole_in(value, path, 2);
    } else if (name == "repeat_seeds") {
      sweep.repeat_seeds = whole_in(value, path, 1);
    } else if (name == "ranks_per_trial") {
      sweep.ranks_per_trial = whole_in(value, path, 1);
    } else if (name == "retries") {
      sweep.retries = whole_in(value, path, 0);
    } else if (name == "stall_s") {
      sweep.stall_s = static_cast<double>(whole_in(value, path, 1));
    } else if (name == "max_hours") {
      sweep.max_hours = hours_in(value, path);
    } else if (name == "max_slot_hours") {
      sweep.max_slot_hours = hours_in(value, path);
    } else {
      throw std::invalid_argument(fmt::format("{}: no key {}; the nearest is sweep.{}", key.where,
                                              path, nearest(name, keys)));
    }
  }
  if (sweep.dir.empty() || sweep.base_path.empty()) {
    throw std::invalid_argument(fmt::format(
        "{}: sweep: expected dir (a folder to make) and base (a run's YAML file)", section.where));
  }
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

void choose_rungs(const YamlNode& root, const HalvingSteps& steps, SweepConfig& sweep) {
  const int64_t last = sweep.base.train.batches.max_steps,
                every = sweep.base.train.validation.every;
  if (sweep.halving == Halving::kNone) {
    if (steps.first > 0)
      fail(steps.where, "sweep.first_rung_steps", "nothing without sweep.halving");
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
  const int64_t first = steps.first > 0 ? steps.first : every;
  if (first % every != 0) {
    fail(steps.where, "sweep.first_rung_steps",
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
  if (root.kind != Kind::kMap) fail(root, "the file", "the sections sweep and space");
  HalvingSteps steps;
  bool has_sweep = false;
  for (const auto& [key, value] : root.entries) {
    if (key.scalar == "sweep") {
      has_sweep = true;
      read_sweep_section(value, std::filesystem::path(path).parent_path().string(), sweep, steps);
    } else if (key.scalar == "space") {
      if (value.kind != Kind::kMap && value.kind != Kind::kNull)
        fail(value, "space", "keys of a run's config");
      for (const auto& [name, parameter] : value.entries)
        sweep.space.push_back(parameter_in(name, parameter, sweep.space));
    } else if (key.scalar == "points") {
      if (value.kind != Kind::kList) fail(value, "points", "a list of points");
      for (const YamlNode& point : value.items) sweep.points.push_back(point_in(point, "points"));
    } else {
      throw std::invalid_argument(fmt::format("{}: no section {}; expected sweep, space and points",
                                              key.where, key.scalar));
    }
  }
  if (!has_sweep) throw std::invalid_argument(fmt::format("{}: there is no section sweep", path));
  sweep.base = read_run_config(sweep.base_path, sweep.overrides);
  check_method(root, sweep);
  choose_rungs(root, steps, sweep);
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
