// Every section and key of the config, declared once: name, member, range and meaning. Reading,
// writing, the search for the key that is meant and
// `candor help config` are visitors of this one list, so they can't disagree.
//
// To add a key: a member in run_config.h, a line in config_fields.cc.
#pragma once

#include <any>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "launch/config/run_config.h"

namespace candor::launch {

struct TextRule {
  bool required = false;
  std::vector<std::string> choices = {};  // empty: any text
  std::string must_contain = {};
  bool is_path = false;  // path_values.h
  bool is_day = false;   // calendar_day.h; empty: none
};

struct IntegerRule {
  int64_t min = 0;
  int64_t max = std::numeric_limits<int64_t>::max();
  std::vector<int64_t> choices = {};  // empty: any in the range
};

struct NumberRule {
  double min = 0;
  double max = std::numeric_limits<double>::infinity();
  bool min_allowed = true;
  bool max_allowed = true;
};

// A list of structs, without its element type.
class RecordList {
 public:
  virtual ~RecordList() = default;
  virtual std::size_t size() const = 0;
  virtual void clear() = 0;
  virtual void append() = 0;
  virtual void visit(std::size_t index, class FieldVisitor& visitor) = 0;
  // The whole list, and another list of the same type in its place.
  virtual std::any contents() const = 0;
  virtual void set_contents(const std::any& list) = 0;
};

// One of an enum's values by name (choice_table.h), without the enum.
class ChoiceField {
 public:
  virtual ~ChoiceField() = default;
  virtual std::vector<std::string> names() const = 0;
  virtual std::string name() const = 0;
  virtual void choose(const std::string& name) = 0;      // one of names()
  virtual std::span<const std::byte> bytes() const = 0;  // where the value lies
};

class FieldVisitor {
 public:
  virtual ~FieldVisitor() = default;
  virtual void begin_section(const std::string& name, const std::string& meaning) = 0;
  virtual void end_section() = 0;
  virtual void text(const std::string& name, std::string& value, const TextRule& rule,
                    const std::string& meaning) = 0;
  // required: there is no default.
  virtual void choice(const std::string& name, ChoiceField& value, bool required,
                      const std::string& meaning) = 0;
  virtual void integer(const std::string& name, int64_t& value, const IntegerRule& rule,
                       const std::string& meaning) = 0;
  virtual void number(const std::string& name, double& value, const NumberRule& rule,
                      const std::string& meaning) = 0;
  virtual void flag(const std::string& name, bool& value, const std::string& meaning) = 0;
  virtual void texts(const std::string& name, std::vector<std::string>& value, const TextRule& rule,
                     const std::string& meaning) = 0;
  virtual void text_map(const std::string& name, std::map<std::string, std::string>& value,
                        const TextRule& rule, const std::string& meaning) = 0;
  virtual void layers(const std::string& name, trainer::LayerRange& value,
                      const std::string& meaning) = 0;
  // `shorthand`: a single text in place of the list means one record with this key; empty: there is
  // none.
  virtual void records(const std::string& name, RecordList& value, const std::string& shorthand,
                       const std::string& meaning) = 0;
};

void visit_fields(RunConfig& config, FieldVisitor& visitor);
void visit_fields(data::FewShot& turn, FieldVisitor& visitor);
void visit_fields(trainer::ObjectiveStage& stage, FieldVisitor& visitor);

// "all" or "20-29".
std::string layer_range_text(const trainer::LayerRange& range);

}  // namespace candor::launch
