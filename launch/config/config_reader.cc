// The visitor that fills a RunConfig from a YAML tree, strictly.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <stdexcept>

#include "data_pipeline/chat/calendar_day.h"
#include "data_pipeline/files/read_file.h"
#include "launch/config/config_checks.h"
#include "launch/config/config_fields.h"
#include "launch/config/nearest_key.h"
#include "launch/config/path_values.h"
#include "launch/config/unknown_key.h"
#include "launch/config/yaml_scalars.h"
#include "launch/config/yaml_tree.h"
#include "launch/config/yaml_warnings.h"

namespace candor::launch {
namespace {

using Kind = YamlNode::Kind;

[[noreturn]] void fail(const YamlNode& node, const std::string& path, const std::string& expected) {
  throw std::invalid_argument(
      fmt::format("{}: {}: expected {}, got {}", node.where, path, expected, node.description()));
}

std::string integer_range(const IntegerRule& rule) {
  if (rule.max == std::numeric_limits<int64_t>::max())
    return fmt::format("an integer, at least {}", rule.min);
  return fmt::format("an integer from {} to {}", rule.min, rule.max);
}

std::string number_range(const NumberRule& rule) {
  std::string low = fmt::format("{} {}", rule.min_allowed ? "at least" : "above", rule.min);
  if (std::isinf(rule.max)) return low;
  return fmt::format("{} and {} {}", low, rule.max_allowed ? "at most" : "below", rule.max);
}

class Reader final : public FieldVisitor {
 public:
  // `nothing_there`: why the root has no keys, for the message that one is missing.
  Reader(YamlNode& root, std::string nothing_there) : nothing_there_(std::move(nothing_there)) {
    open_.push_back({&root, ""});
  }

  ConfigPlaces places;
  std::vector<std::string> warnings;

  void check_keys_of_root() { check_known_keys(); }

  void begin_section(const std::string& name, const std::string&) override {
    YamlNode* node = open_.back().node == nullptr ? nullptr : open_.back().node->find(name);
    if (node != nullptr && node->kind == Kind::kNull) {
      places.section_at[name] = node->where;
      node = nullptr;  // a section without keys: all defaults
    }
    if (node != nullptr && node->kind != Kind::kMap)
      fail(*node, name, "a section of key: value lines");
    open_.push_back({node, name});
    if (node != nullptr) {
      places.section_at[name] = node->where;
      check_known_keys();
    }
  }
  void end_section() override { open_.pop_back(); }

  void text(const std::string& name, std::string& value, const TextRule& rule,
            const std::string& meaning) override {
    const YamlNode* node = find(name);
    if (node == nullptr) {
      if (rule.required && value.empty()) fail_missing(name, meaning);
      return;
    }
    value = read_text(*node, path_of(name), rule);
    if (!rule.is_path) return;
    value = path_in(*node, path_of(name));
    if (const auto warning = variable_warning(*node, path_of(name))) warnings.push_back(*warning);
  }

  void choice(const std::string& name, ChoiceField& value, bool required,
              const std::string& meaning) override {
    const YamlNode* node = find(name);
    if (node != nullptr) {
      value.choose(read_text(*node, path_of(name), {.choices = value.names()}));
    } else if (required) {
      fail_missing(name, meaning);
    }
  }

  void integer(const std::string& name, int64_t& value, const IntegerRule& rule,
               const std::string&) override {
    const YamlNode* node = find(name);
    if (node == nullptr) return;
    const std::optional<int64_t> read = integer_in(*node);
    const bool chosen = read && (rule.choices.empty() ||
                                 std::count(rule.choices.begin(), rule.choices.end(), *read) > 0);
    if (!chosen || *read < rule.min || *read > rule.max) {
      fail(*node, path_of(name),
           rule.choices.empty() ? integer_range(rule)
                                : fmt::format("{}", fmt::join(rule.choices, " or ")));
    }
    value = *read;
  }

  void number(const std::string& name, double& value, const NumberRule& rule,
              const std::string&) override {
    const YamlNode* node = find(name);
    if (node == nullptr) return;
    const std::optional<double> read = number_in(*node);
    const bool in_range = read && (*read > rule.min || (rule.min_allowed && *read == rule.min)) &&
                          (*read < rule.max || (rule.max_allowed && *read == rule.max));
    if (!in_range) fail(*node, path_of(name), "a number " + number_range(rule));
    value = *read;
  }

  void flag(const std::string& name, bool& value, const std::string&) override {
    const YamlNode* node = find(name);
    if (node == nullptr) return;
    const std::optional<bool> read = boolean_in(*node);
    if (!read) fail(*node, path_of(name), "true or false");
    value = *read;
  }

  void texts(const std::string& name, std::vector<std::string>& value, const TextRule& rule,
             const std::string&) override {
    const YamlNode* node = find(name);
    if (node == nullptr) return;
    if (node->kind != Kind::kList || (rule.required && node->items.empty())) {
      fail(*node, path_of(name),
           rule.required ? "a list [a, b] of at least one text" : "a list [a, b] of texts");
    }
    value.clear();
    for (const YamlNode& item : node->items) {
      std::string element = read_text(item, path_of(name), rule);
      if (std::count(value.begin(), value.end(), element) > 0)
        fail(item, path_of(name), "every entry once");
      value.push_back(std::move(element));
    }
  }

  void text_map(const std::string& name, std::map<std::string, std::string>& value,
                const TextRule& rule, const std::string&) override {
    const YamlNode* node = find(name);
    if (node == nullptr) return;
    if (node->kind != Kind::kMap && node->kind != Kind::kNull)
      fail(*node, path_of(name), "a section of name: value lines");
    value.clear();
    for (const auto& [key, entry] : node->entries)
      value[key.scalar] = read_text(entry, path_of(name) + "." + key.scalar, rule);
  }

  void layers(const std::string& name, trainer::LayerRange& value, const std::string&) override {
    const YamlNode* node = find(name);
    if (node == nullptr) return;
    const std::string expected = "all, or first-last such as 20-29";
    if (node->kind != Kind::kScalar) fail(*node, path_of(name), expected);
    if (node->scalar == "all") {
      value = {};
      return;
    }
    const size_t dash = node->scalar.find('-');
    if (dash == std::string::npos) fail(*node, path_of(name), expected);
    YamlNode first = *node, last = *node;
    first.quoted = last.quoted = false;
    first.scalar = node->scalar.substr(0, dash);
    last.scalar = node->scalar.substr(dash + 1);
    const auto begin = integer_in(first), end = integer_in(last);
    if (!begin || !end || *begin < 0 || *end < *begin || *end >= 1'000'000)
      fail(*node, path_of(name), expected);
    value = {.begin = *begin, .end = *end + 1};
  }

  void records(const std::string& name, RecordList& value, const std::string& shorthand,
               const std::string&) override {
    YamlNode* node = find(name);
    if (node == nullptr) return;
    if (node->kind == Kind::kScalar && !shorthand.empty()) {
      YamlNode key = *node, record;
      key.scalar = shorthand;
      record.kind = Kind::kMap;
      record.where = node->where;
      record.entries.emplace_back(std::move(key), *node);
      node->items = {std::move(record)};
      node->kind = Kind::kList;
    }
    if (node->kind != Kind::kList || (!shorthand.empty() && node->items.empty())) {
      fail(*node, path_of(name),
           shorthand.empty() ? "a list" : fmt::format("a {} or a list of at least one", shorthand));
    }
    value.clear();
    for (size_t i = 0; i < node->items.size(); ++i) {
      YamlNode& item = node->items[i];
      const std::string path = path_of(name);
      if (item.kind != Kind::kMap)
        fail(item, fmt::format("{}[{}]", path, i), "a section of key: value lines");
      value.append();
      open_.push_back({&item, path, fmt::format("{}[{}]", path, i)});
      places.section_at[open_.back().shown()] = item.where;
      check_known_keys();
      value.visit(i, *this);
      open_.pop_back();
    }
  }

 private:
  struct Open {
    YamlNode* node;    // null where the file doesn't have the section
    std::string path;  // "train"; of a record, its list's: "objective"
    std::string record = {};
    const std::string& shown() const { return record.empty() ? path : record; }
  };

  std::string path_of(const std::string& name) const {
    return open_.back().shown().empty() ? name : open_.back().shown() + "." + name;
  }

  YamlNode* find(const std::string& name) {
    YamlNode* node = open_.back().node == nullptr ? nullptr : open_.back().node->find(name);
    if (node != nullptr) places.value_at[path_of(name)] = node->where;
    return node;
  }

  void check_known_keys() const {
    const std::string& section = open_.back().path;
    const std::vector<std::string> known = all_key_paths();
    for (const auto& [key, value] : open_.back().node->entries) {
      const std::string path = section.empty() ? key.scalar : section + "." + key.scalar;
      if (std::count(known.begin(), known.end(), path) > 0 &&
          key.scalar.find('.') == std::string::npos)
        continue;
      throw std::invalid_argument(
          fmt::format("{}: unknown key \"{}\"; {} (see `candor help config`){}", key.where, path,
                      unknown_key_hint(section, key.scalar),
                      value.kind == Kind::kNull
                          ? "; a text with a comma has to be in double quotes inside braces"
                          : ""));
    }
  }

  [[noreturn]] void fail_missing(const std::string& name, const std::string& meaning) const {
    std::string where = open_.front().node->where;
    if (open_.back().node != nullptr) where = open_.back().node->where;
    throw std::invalid_argument(
        fmt::format("{}: {} is missing: {}{}", where, path_of(name), meaning, nothing_there_));
  }

  static std::string read_text(const YamlNode& node, const std::string& path,
                               const TextRule& rule) {
    if (node.kind != Kind::kScalar) fail(node, path, "a text");
    if (!rule.choices.empty()) {
      if (std::count(rule.choices.begin(), rule.choices.end(), node.scalar) == 0) {
        fail(node, path,
             fmt::format("one of {} (nearest: {})", fmt::join(rule.choices, ", "),
                         nearest(node.scalar, rule.choices)));
      }
      return node.scalar;
    }
    if (must_be_quoted_as_text(node)) fail(node, path, "a text (put it in quotes)");
    if (rule.required && node.scalar.empty()) fail(node, path, "a text that isn't empty");
    if (rule.required && node.scalar.find_first_not_of(" \t\r\n") == std::string::npos)
      fail(node, path, "a text that isn't white space alone");
    if (!rule.must_contain.empty() && node.scalar.find(rule.must_contain) == std::string::npos)
      fail(node, path, fmt::format("a text with {} in it", rule.must_contain));
    if (rule.is_day && !node.scalar.empty() && !data::calendar_day(node.scalar))
      fail(node, path, "a day such as 2026-05-01");
    return node.scalar;
  }

  std::vector<Open> open_;
  std::string nothing_there_;
};

}  // namespace

RunConfigAndWarnings parse_run_config_and_warnings(std::string_view text, const std::string& name,
                                                   const std::vector<std::string>& overrides) {
  YamlNode root = parse_yaml(text, name);
  for (const std::string& override_text : overrides) apply_override(root, override_text);
  if (root.kind != Kind::kMap && root.kind != Kind::kNull)
    fail(root, "the config", "sections of key: value lines");
  std::string nothing_there;
  if (root.kind == Kind::kNull) {
    nothing_there = text.find_first_not_of(" \t\r\n") == std::string_view::npos
                        ? " (the file is empty)"
                        : " (the file has no keys)";
  }
  root.kind = Kind::kMap;

  RunConfigAndWarnings read;
  Reader reader(root, nothing_there);
  reader.check_keys_of_root();
  visit_fields(read.config, reader);
  resolve_and_check(read.config, reader.places);
  read.warnings = escape_warnings(root);
  read.warnings.insert(read.warnings.end(), reader.warnings.begin(), reader.warnings.end());
  return read;
}

RunConfigAndWarnings read_run_config_and_warnings(const std::string& path,
                                                  const std::vector<std::string>& overrides) {
  return parse_run_config_and_warnings(data::read_file(path), path, overrides);
}

RunConfig parse_run_config(std::string_view text, const std::string& name,
                           const std::vector<std::string>& overrides) {
  return parse_run_config_and_warnings(text, name, overrides).config;
}

RunConfig read_run_config(const std::string& path, const std::vector<std::string>& overrides) {
  return read_run_config_and_warnings(path, overrides).config;
}

}  // namespace candor::launch
