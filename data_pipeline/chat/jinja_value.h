// The values that a template computes with: Python's, as far as templates use them. A tuple is a
// list here, and prints as one.
// No value holds itself and none is nested over kDeepestValue deep, so that walking and destroying
// one needs little stack: a namespace, the only one that changes, can't be kept in a list, a
// mapping or a namespace. What takes a Site spends from its budget what it looks at and makes.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "data_pipeline/chat/jinja_budget.h"

namespace candor::data::jinja {

struct Value;
using List = std::vector<Value>;
using Dict = std::vector<std::pair<std::string, Value>>;  // in order of insertion; keys are texts
struct Arguments;
using Function = std::function<Value(const Arguments&, Site site)>;

constexpr int kDeepestValue = 100;  // real templates hold messages in a list: 3

struct Undefined {
  std::string name;  // for messages
};
struct None {};

struct Value {
  // Lists, dicts and functions are shared, as in Python; only a namespace is ever changed.
  std::variant<Undefined, None, bool, int64_t, double, std::string, std::shared_ptr<List>,
               std::shared_ptr<Dict>, std::shared_ptr<Function>>
      data;
  bool is_namespace = false;
  int depth = 0;  // of lists, mappings, and functions that hold one

  Value() : data(Undefined{}) {}
  template <typename T>
  Value(T value) : data(std::move(value)) {}  // NOLINT: a value is made of any of its kinds
  Value(int value) : data(static_cast<int64_t>(value)) {}
  Value(const char* text) : data(std::string(text)) {}
  // These throw std::invalid_argument for an element that is a namespace or nested too deeply.
  Value(List list);
  Value(Dict dict);
  // `held`: what the function keeps.
  Value(Function function, const Value* held = nullptr);

  template <typename T>
  bool is() const {
    return std::holds_alternative<T>(data);
  }
  template <typename T>
  const T& as() const {
    return std::get<T>(data);
  }
  bool is_list() const { return is<std::shared_ptr<List>>(); }
  bool is_dict() const { return is<std::shared_ptr<Dict>>(); }
  bool is_function() const { return is<std::shared_ptr<Function>>(); }
  bool is_integer() const { return is<int64_t>() || is<bool>(); }
  bool is_number() const { return is_integer() || is<double>(); }
  const List& list() const { return *as<std::shared_ptr<List>>(); }
  const Dict& dict() const { return *as<std::shared_ptr<Dict>>(); }
  int64_t integer() const { return is<bool>() ? (as<bool>() ? 1 : 0) : as<int64_t>(); }
  double number() const { return is<double>() ? as<double>() : static_cast<double>(integer()); }
};

struct Arguments {
  std::vector<Value> positional;
  std::vector<std::pair<std::string, Value>> named;

  // The argument called `name`, or at `index`; undefined if it isn't given.
  Value get(size_t index, const std::string& name = "") const;
};

const Value* find(const Dict& dict, const std::string& key);

bool truth(const Value& value);
bool equal(const Value& a, const Value& b, Site site);
// -1, 0, 1; numbers with numbers and texts with texts. fail() for others.
int compare(const Value& a, const Value& b, Site site);

// As Python's str() and repr().
std::string to_text(const Value& value, Site site);
std::string to_repr(const Value& value, Site site);
// As json.dumps(ensure_ascii=False); indent < 0: on one line.
std::string to_json(const Value& value, int indent, Site site);
const char* kind_name(const Value& value);

// What a for loop, a list filter or list() walks: lists, a dict's keys, a text's characters. fail()
// for others.
List elements(const Value& value, Site site);
size_t count_characters(std::string_view text);

}  // namespace candor::data::jinja
