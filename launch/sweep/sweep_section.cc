#include "launch/sweep/sweep_section.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <filesystem>
#include <stdexcept>
#include <vector>

#include "launch/config/name_match.h"
#include "launch/config/path_values.h"
#include "launch/sweep/sweep_names.h"
#include "launch/sweep/sweep_values.h"

namespace candor::launch {
namespace {

// Where a key's value goes.
struct Target {
  const std::string& folder;
  SweepConfig& sweep;
  FirstRung& first_rung;
};

struct SweepKey {
  const char* name;
  void (*read)(const YamlNode& value, const std::string& path, const Target& to);
};

void read_base(const YamlNode& value, const std::string& path, const Target& to) {
  text_in(value, path);
  const std::filesystem::path base = path_in(value, path);
  to.sweep.base_path = (base.is_absolute() ? base : std::filesystem::path(to.folder) / base)
                           .lexically_normal()
                           .string();
}

void read_dir(const YamlNode& value, const std::string& path, const Target& to) {
  text_in(value, path);
  to.sweep.dir = path_in(value, path);
}

void read_overrides(const YamlNode& value, const std::string& path, const Target& to) {
  for (const auto& [key, text] : point_in(value, path).values)
    to.sweep.overrides.push_back(key + "=" + text);
}

void read_objectives(const YamlNode& value, const std::string& path, const Target& to) {
  const bool is_list = value.kind == YamlNode::Kind::kList;
  to.sweep.objectives.clear();
  for (const YamlNode& metric : is_list ? value.items : std::vector<YamlNode>{value}) {
    to.sweep.objectives.push_back(
        {.metric = metric.scalar, .larger_is_better = one_of(metric, path, sweep_metrics())});
  }
  if (to.sweep.objectives.empty()) fail_at(value, path, "at least one metric");
}

template <int64_t SweepConfig::*member, int64_t least>
void read_whole(const YamlNode& value, const std::string& path, const Target& to) {
  to.sweep.*member = whole_in(value, path, least);
}

template <double SweepConfig::*member>
void read_hours(const YamlNode& value, const std::string& path, const Target& to) {
  to.sweep.*member = hours_in(value, path);
}

const std::vector<SweepKey>& sweep_keys() {
  using Node = YamlNode;
  using Text = std::string;
  using C = SweepConfig;
  static const std::vector<SweepKey> keys = {
      {"dir", read_dir},
      {"base", read_base},
      {"set", read_overrides},
      {"method", [](const Node& v, const Text& p,
                    const Target& to) { to.sweep.method = one_of(v, p, kSearchMethods); }},
      {"trials", read_whole<&C::trials, 1>},
      {"seed", [](const Node& v, const Text& p,
                  const Target& to) { to.sweep.seed = static_cast<uint64_t>(whole_in(v, p, 0)); }},
      {"objective", read_objectives},
      {"halving", [](const Node& v, const Text& p,
                     const Target& to) { to.sweep.halving = one_of(v, p, kHalvings); }},
      {"first_rung_steps",
       [](const Node& v, const Text& p, const Target& to) {
         to.first_rung = {.steps = whole_in(v, p, 1), .where = v};
       }},
      {"factor", read_whole<&C::factor, 2>},
      {"repeat_seeds", read_whole<&C::repeat_seeds, 1>},
      {"ranks_per_trial", read_whole<&C::ranks_per_trial, 1>},
      {"retries", read_whole<&C::retries, 0>},
      {"stall_s",
       [](const Node& v, const Text& p, const Target& to) {
         to.sweep.stall_s = static_cast<double>(whole_in(v, p, 1));
       }},
      {"max_hours", read_hours<&C::max_hours>},
      {"max_slot_hours", read_hours<&C::max_slot_hours>}};
  return keys;
}

const SweepKey& sweep_key(const YamlNode& key) {
  std::vector<std::string> names;
  for (const SweepKey& known : sweep_keys()) {
    if (key.scalar == known.name) return known;
    names.emplace_back(known.name);
  }
  const std::string typed = snake_case(key.scalar);
  std::vector<std::string> likely = names_spelled_like(typed, names);
  if (likely.empty()) likely = names_with_words_of(typed, names);
  throw std::invalid_argument(likely.size() == 1
                                  ? fmt::format("{}: no key sweep.{}; the nearest is sweep.{}",
                                                key.where, key.scalar, likely.front())
                                  : fmt::format("{}: no key sweep.{}; expected one of {}",
                                                key.where, key.scalar,
                                                fmt::join(likely.empty() ? names : likely, ", ")));
}

}  // namespace

void read_sweep_section(const YamlNode& section, const std::string& folder, SweepConfig& sweep,
                        FirstRung& first_rung) {
  if (section.kind != YamlNode::Kind::kMap) fail_at(section, "sweep", "keys with values");
  sweep.objectives = {{.metric = "expectation_brier"}};
  const Target target{folder, sweep, first_rung};
  for (const auto& [key, value] : section.entries)
    sweep_key(key).read(value, "sweep." + key.scalar, target);
  if (sweep.dir.empty() || sweep.base_path.empty()) {
    throw std::invalid_argument(fmt::format(
        "{}: sweep: expected dir (a folder to make) and base (a run's YAML file)", section.where));
  }
}

}  // namespace candor::launch
