#include "launch/config/key_type.h"

#include <fmt/format.h>

#include <map>

#include "launch/config/config_fields.h"

namespace candor::launch {
namespace {

class TypeCollector final : public FieldVisitor {
 public:
  std::map<std::string, KeyType> types;

  void begin_section(const std::string& name, const std::string&) override {
    section_ = name + ".";
  }
  void end_section() override { section_.clear(); }
  void text(const std::string& name, std::string&, const TextRule& rule,
            const std::string&) override {
    add(name, {.is_path = rule.is_path, .names = rule.choices});
  }
  void choice(const std::string& name, ChoiceField& value, bool, const std::string&) override {
    add(name, {.names = value.names()});
  }
  void integer(const std::string& name, int64_t&, const IntegerRule& rule,
               const std::string&) override {
    KeyType type{.kind = KeyType::Kind::kWhole};
    for (const int64_t choice : rule.choices) type.names.push_back(fmt::format("{}", choice));
    add(name, std::move(type));
  }
  void number(const std::string& name, double&, const NumberRule&, const std::string&) override {
    add(name, {.kind = KeyType::Kind::kNumber});
  }
  void flag(const std::string& name, bool&, const std::string&) override {
    add(name, {.names = {"true", "false"}});
  }
  void texts(const std::string& name, std::vector<std::string>&, const TextRule&,
             const std::string&) override {
    add(name, {});
  }
  void text_map(const std::string& name, std::map<std::string, std::string>&, const TextRule&,
                const std::string&) override {
    add(name, {});
  }
  void layers(const std::string& name, trainer::LayerRange&, const std::string&) override {
    add(name, {});
  }
  void records(const std::string& name, RecordList&, const std::string&,
               const std::string&) override {
    add(name, {});
  }

 private:
  void add(const std::string& name, KeyType type) { types[section_ + name] = std::move(type); }
  std::string section_;
};

}  // namespace

std::optional<KeyType> type_of_key(const std::string& path) {
  RunConfig config;
  TypeCollector collector;
  visit_fields(config, collector);
  const auto found = collector.types.find(path);
  if (found == collector.types.end()) return std::nullopt;
  return found->second;
}

}  // namespace candor::launch
