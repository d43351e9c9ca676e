#include "launch/config/config_part.h"

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <any>
#include <map>
#include <stdexcept>

#include "launch/config/config_fields.h"
#include "launch/config/nearest_key.h"

namespace candor::launch {
namespace {

// Copies fields of one config into another: visits the first to collect them, then the second.
class Transfer final : public FieldVisitor {
 public:
  explicit Transfer(const KeyList& keys) : keys_(keys) {}
  void now_write() { writing_ = true; }

  void begin_section(const std::string& name, const std::string&) override {
    section_ = name + ".";
  }
  void end_section() override { section_.clear(); }
  void text(const std::string& name, std::string& value, const TextRule&,
            const std::string&) override {
    move(name, value);
  }
  void choice(const std::string& name, ChoiceField& value, bool, const std::string&) override {
    std::string chosen = value.name();
    move(name, chosen);
    value.choose(chosen);
  }
  void integer(const std::string& name, int64_t& value, const IntegerRule&,
               const std::string&) override {
    move(name, value);
  }
  void number(const std::string& name, double& value, const NumberRule&,
              const std::string&) override {
    move(name, value);
  }
  void flag(const std::string& name, bool& value, const std::string&) override {
    move(name, value);
  }
  void texts(const std::string& name, std::vector<std::string>& value, const TextRule&,
             const std::string&) override {
    move(name, value);
  }
  void text_map(const std::string& name, std::map<std::string, std::string>& value, const TextRule&,
                const std::string&) override {
    move(name, value);
  }
  void layers(const std::string& name, trainer::LayerRange& value, const std::string&) override {
    move(name, value);
  }
  void records(const std::string& name, RecordList& value, const std::string&,
               const std::string&) override {
    const std::string path = section_ + name;
    if (!covers(keys_, path)) return;
    if (writing_) {
      value.set_contents(values_.at(path));
    } else {
      values_[path] = value.contents();
    }
  }

 private:
  template <typename T>
  void move(const std::string& name, T& value) {
    const std::string path = section_ + name;
    if (!covers(keys_, path)) return;
    if (writing_) {
      value = std::any_cast<T>(values_.at(path));
    } else {
      values_[path] = value;
    }
  }

  const KeyList& keys_;
  bool writing_ = false;
  std::string section_;
  std::map<std::string, std::any> values_;
};

}  // namespace

void (*WholeConfigRead::watcher)(bool begins) = nullptr;

WholeConfigRead::WholeConfigRead() {
  if (watcher != nullptr) watcher(true);
}

WholeConfigRead::~WholeConfigRead() {
  if (watcher != nullptr) watcher(false);
}

bool covers(const KeyList& keys, const std::string& path) {
  return std::any_of(keys.begin(), keys.end(), [&](const std::string& key) {
    return path == key || path.starts_with(key + ".");
  });
}

RunConfig only_keys(const RunConfig& config, const KeyList& keys) {
  return with_keys_of({}, config, keys);
}

RunConfig with_keys_of(const RunConfig& config, const RunConfig& from, const KeyList& keys) {
  const WholeConfigRead whole;
  RunConfig source = from, changed = config;  // a visitor may change fields
  Transfer transfer(keys);
  visit_fields(source, transfer);
  const std::vector<std::string> known = all_key_paths();
  for (const std::string& key : keys) {
    if (std::find(known.begin(), known.end(), key) == known.end())
      throw std::logic_error(fmt::format("a list of keys names {}, which no config has", key));
  }
  transfer.now_write();
  visit_fields(changed, transfer);
  return changed;
}

std::vector<std::pair<std::string, std::string>> key_values(const RunConfig& config,
                                                            const KeyList& keys) {
  std::vector<std::pair<std::string, std::string>> values;
  const auto add = [&](const std::string& path, const YAML::Node& node) {
    if (!covers(keys, path)) return;
    YAML::Emitter line;
    line << YAML::Flow << node;
    values.emplace_back(path, line.c_str());
  };
  for (const auto& section : YAML::Load(to_yaml(only_keys(config, keys)))) {
    const auto name = section.first.as<std::string>();
    if (!section.second.IsMap()) {
      add(name, section.second);
      continue;
    }
    for (const auto& key : section.second)
      add(name + "." + key.first.as<std::string>(), key.second);
  }
  return values;
}

}  // namespace candor::launch
