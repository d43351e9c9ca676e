// Every section and key of the config, declared once: name, member, range and meaning. Reading,
// writing, the nearest-key search and
// `candor help config` are visitors of this one list, so they can't disagree.
//
// To add a key: a member in run_config.h, a line in config_fields.cc.
#pragma once

#include <any>
#include <cstdint>
#include <limits>
#include <map>
#include <string>
#include <vector>

#include "launch/config/run_config.h"

namespace candor::launch {

struct TextRule {
  bool required = false;
  std::vector<std::string> choices = {};  // empty: any text
  std::string must_contain = {};
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

class FieldVisitor {
 public:
  virtual ~FieldVisitor() = default;
  virtual void begin_section(const std::string& name, const std::string& meaning) = 0;
  virtual void end_section() = 0;
  virtual void text(const std::string& name, std::string& value, const TextRule& rule,
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
  virtual void layers(const std::string& name, LayerRange& value, const std::string& meaning) = 0;
  // `shorthand`: a single text in place of the list means one record with this key; empty: there is
  // none.
  virtual void records(const std::string& name, RecordList& value, const std::string& shorthand,
                       const std::string& meaning) = 0;
};

void visit_fields(RunConfig& config, FieldVisitor& visitor);
void visit_fields(FewShotTurn& turn, FieldVisitor& visitor);
void visit_fields(StageSection& stage, FieldVisitor& visitor);

// "all" or "20-29".
std::string layer_range_text(const LayerRange& range);

}  // namespace candor::launch
