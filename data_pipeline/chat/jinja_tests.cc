#include "data_pipeline/chat/jinja_tests.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "data_pipeline/chat/jinja_lexer.h"
#include "data_pipeline/chat/jinja_named.h"
#include "data_pipeline/chat/jinja_text.h"

namespace candor::data::jinja {
namespace {

// `other` is the test's argument.
using Test = bool (*)(const Value& value, const Value& other, Site site);

template <class T>
bool holds(const Value& value, const Value&, Site) {
  return value.is<T>();
}

bool is_missing(const Value& value, const Value&, Site) { return value.is<Undefined>(); }
bool is_there(const Value& value, const Value&, Site) { return !value.is<Undefined>(); }
bool is_mapping(const Value& value, const Value&, Site) { return value.is_dict(); }
bool is_number(const Value& value, const Value&, Site) { return value.is_number(); }
bool is_callable(const Value& value, const Value&, Site) { return value.is_function(); }
bool is_iterable(const Value& value, const Value&, Site) {
  return value.is_list() || value.is_dict() || value.is<std::string>();
}
bool is_true(const Value& value, const Value&, Site) {
  return value.is<bool>() && value.as<bool>();
}
bool is_false(const Value& value, const Value&, Site) {
  return value.is<bool>() && !value.as<bool>();
}

bool is_lower(const Value& value, const Value&, Site site) {
  return to_text(value, site) == lower(to_text(value, site));
}
bool is_upper(const Value& value, const Value&, Site site) {
  return to_text(value, site) == upper(to_text(value, site));
}

bool is_same(const Value& a, const Value& b, Site site) { return equal(a, b, site); }
bool is_different(const Value& a, const Value& b, Site site) { return !equal(a, b, site); }
bool is_above(const Value& a, const Value& b, Site site) { return compare(a, b, site) > 0; }
bool is_at_least(const Value& a, const Value& b, Site site) { return compare(a, b, site) >= 0; }
bool is_below(const Value& a, const Value& b, Site site) { return compare(a, b, site) < 0; }
bool is_at_most(const Value& a, const Value& b, Site site) { return compare(a, b, site) <= 0; }
bool is_in(const Value& a, const Value& b, Site site) { return contains(b, a, site); }

bool divides(std::string_view test, const Value& value, int64_t divisor, Site site) {
  if (!value.is_integer())
    fail(site, fmt::format("the test \"{}\" expects an integer, got {}", test, kind_name(value)));
  if (divisor == 0) fail(site, "divisibleby(0)");
  // The smallest integer has no quotient by -1.
  return divisor == -1 || value.integer() % divisor == 0;
}
bool is_divisible(const Value& value, const Value& other, Site site) {
  return divides("divisibleby", value, other.is_integer() ? other.integer() : 2, site);
}
bool is_even(const Value& value, const Value&, Site site) {
  return divides("even", value, 2, site);
}
bool is_odd(const Value& value, const Value&, Site site) { return !divides("odd", value, 2, site); }

constexpr std::array kTests = std::to_array<Named<Test>>({
    {"boolean", holds<bool>},
    {"callable", is_callable},
    {"defined", is_there},
    {"divisibleby", is_divisible},
    {"eq", is_same},
    {"equalto", is_same},
    {"even", is_even},
    {"false", is_false},
    {"float", holds<double>},
    {"ge", is_at_least},
    {"greaterthan", is_above},
    {"gt", is_above},
    {"in", is_in},
    {"integer", holds<int64_t>},
    {"iterable", is_iterable},
    {"le", is_at_most},
    {"lessthan", is_below},
    {"lower", is_lower},
    {"lt", is_below},
    {"mapping", is_mapping},
    {"ne", is_different},
    {"none", holds<None>},
    {"number", is_number},
    {"odd", is_odd},
    {"sequence", is_iterable},
    {"string", holds<std::string>},
    {"true", is_true},
    {"undefined", is_missing},
    {"upper", is_upper},
});

}  // namespace

bool apply_test(const std::string& name, const Value& value, const Arguments& arguments,
                Site site) {
  site.spend(kStepWork + arguments.positional.size() * kElementWork);
  const Test test = find_named(kTests, name);
  if (test == nullptr)
    fail(site,
         fmt::format("the test \"{}\" isn't supported; supported are {}", name, names_of(kTests)));
  return test(value, arguments.get(0), site);
}

bool contains(const Value& container, const Value& element, Site site) {
  if (container.is<std::string>()) {
    if (!element.is<std::string>())
      fail(site, fmt::format("\"in\" a text expects a text, got {}", kind_name(element)));
    spend_search(container.as<std::string>(), element.as<std::string>(), site);
    return container.as<std::string>().find(element.as<std::string>()) != std::string::npos;
  }
  if (container.is_dict()) {
    site.spend(container.dict().size());
    return element.is<std::string>() &&
           find(container.dict(), element.as<std::string>()) != nullptr;
  }
  if (container.is<Undefined>()) return false;
  if (!container.is_list())
    fail(site, fmt::format("\"in\" isn't possible with {}", kind_name(container)));
  return std::any_of(container.list().begin(), container.list().end(),
                     [&](const Value& one) { return equal(one, element, site); });
}

}  // namespace candor::data::jinja
