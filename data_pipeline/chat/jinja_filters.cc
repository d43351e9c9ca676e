#include "data_pipeline/chat/jinja_filters.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <optional>

#include "data_pipeline/chat/jinja_attributes.h"
#include "data_pipeline/chat/jinja_lexer.h"
#include "data_pipeline/chat/jinja_named.h"
#include "data_pipeline/chat/jinja_tests.h"
#include "data_pipeline/chat/jinja_text.h"

namespace candor::data::jinja {
namespace {

using Filter = Value (*)(const Value& value, const Arguments& arguments, Site site);

Value length_of(const Value& value, const Arguments&, Site site) {
  if (value.is<std::string>()) {
    site.spend(value.as<std::string>().size());
    return static_cast<int64_t>(count_characters(value.as<std::string>()));
  }
  if (value.is_dict() && !value.is_namespace) return static_cast<int64_t>(value.dict().size());
  if (value.is_list()) return static_cast<int64_t>(value.list().size());
  if (value.is<Undefined>()) return 0;
  fail(site, fmt::format("{} has no length", kind_name(value)));
}

// There is none beyond 64 bits, where the conversion isn't defined.
std::optional<int64_t> whole_part(double number) {
  if (!(number > -9.2e18 && number < 9.2e18)) return std::nullopt;
  return static_cast<int64_t>(number);
}

Value to_integer(const Value& value, const Arguments& arguments, Site) {
  if (value.is_integer()) return value.integer();
  const Value otherwise = arguments.get(0, "default");
  std::optional<int64_t> whole;
  if (value.is<double>()) whole = whole_part(value.as<double>());
  if (value.is<std::string>()) {
    char* end = nullptr;
    const double number = std::strtod(value.as<std::string>().c_str(), &end);
    if (end != value.as<std::string>().c_str() && *end == '\0') whole = whole_part(number);
  }
  if (whole) return *whole;
  return otherwise.is<Undefined>() ? Value(0) : otherwise;
}

Value to_float(const Value& value, const Arguments&, Site site) {
  return value.is_number() ? value.number() : std::strtod(to_text(value, site).c_str(), nullptr);
}

Value magnitude(const Value& value, const Arguments&, Site site) {
  if (value.is<double>()) return std::abs(value.as<double>());
  if (!value.is_integer())
    fail(site, fmt::format("the filter \"abs\" isn't supported for {}", kind_name(value)));
  if (value.integer() == INT64_MIN) fail(site, "an integer is too large");
  return std::abs(value.integer());
}

Value value_or_default(const Value& value, const Arguments& arguments, Site) {
  const bool missing =
      value.is<Undefined>() || (truth(arguments.get(1, "boolean")) && !truth(value));
  if (!missing) return value;
  const Value otherwise = arguments.get(0, "default_value");
  return otherwise.is<Undefined>() ? Value("") : otherwise;
}

Value in_json(const Value& value, const Arguments& arguments, Site site) {
  const Value indent = arguments.get(0, "indent");
  const int64_t blanks = indent.is_integer() ? std::clamp<int64_t>(indent.integer(), 0, 100) : -1;
  return to_json(value, static_cast<int>(blanks), site);
}

Value unchanged(const Value& value, const Arguments&, Site) { return value; }
Value text_of(const Value& value, const Arguments&, Site site) { return to_text(value, site); }

template <std::string (*change)(std::string)>
Value changed_text(const Value& value, const Arguments&, Site site) {
  return change(to_text(value, site));
}

Value trimmed(const Value& value, const Arguments& arguments, Site site) {
  return strip(to_text(value, site), arguments, true, true);
}

Value with_replaced(const Value& value, const Arguments& arguments, Site site) {
  return replaced(to_text(value, site), to_text(arguments.get(0, "old"), site),
                  to_text(arguments.get(1, "new"), site), site);
}

Value with_indent(const Value& value, const Arguments& arguments, Site site) {
  return indented(to_text(value, site), arguments, site);
}

Value joined_elements(const Value& value, const Arguments& arguments, Site site) {
  return joined(value, arguments, site);
}

Value list_of(const Value& value, const Arguments&, Site site) { return elements(value, site); }
Value pairs_of(const Value& value, const Arguments&, Site site) { return dict_items(value, site); }

Value first_of(const Value& value, const Arguments&, Site site) {
  const List all = elements(value, site);
  return all.empty() ? Value() : all.front();
}

Value last_of(const Value& value, const Arguments&, Site site) {
  const List all = elements(value, site);
  return all.empty() ? Value() : all.back();
}

Value reversed(const Value& value, const Arguments&, Site site) {
  List all = elements(value, site);
  std::reverse(all.begin(), all.end());
  if (value.is<std::string>()) return joined(all, {}, site);
  return all;
}

Value without_repeats(const Value& value, const Arguments&, Site site) {
  List out;
  for (const Value& element : elements(value, site)) {
    if (!contains(out, element, site)) out.push_back(element);
  }
  return out;
}

Value sorted(const Value& value, const Arguments& arguments, Site site) {
  List all = elements(value, site);
  const auto lowered = [&](const Value& text) {
    site.spend(text.as<std::string>().size());
    return lower(text.as<std::string>());
  };
  std::stable_sort(all.begin(), all.end(), [&](const Value& a, const Value& b) {
    if (a.is<std::string>() && b.is<std::string>())
      return lowered(a) < lowered(b);  // Jinja ignores case.
    return compare(a, b, site) < 0;
  });
  if (truth(arguments.get(0, "reverse"))) std::reverse(all.begin(), all.end());
  return all;
}

// selectattr("role", "equalto", "user") has the attribute first, then the test and its arguments.
template <bool by_attribute, bool keep>
Value selected(const Value& value, const Arguments& arguments, Site site) {
  List out;
  const size_t first = by_attribute ? 1 : 0;
  const Value attribute = arguments.get(0);
  Arguments rest;
  if (arguments.positional.size() > first + 1)
    rest.positional.assign(arguments.positional.begin() + static_cast<std::ptrdiff_t>(first) + 1,
                           arguments.positional.end());
  for (const Value& element : elements(value, site)) {
    const Value tested =
        by_attribute ? attribute_of(element, to_text(attribute, site), site) : element;
    const bool passes =
        arguments.positional.size() > first
            ? apply_test(to_text(arguments.positional[first], site), tested, rest, site)
            : truth(tested);
    if (passes == keep) out.push_back(element);
  }
  return out;
}

Value mapped(const Value& value, const Arguments& arguments, Site site) {
  List out;
  const Value attribute = arguments.get(SIZE_MAX, "attribute"),
              otherwise = arguments.get(SIZE_MAX, "default");
  for (const Value& element : elements(value, site)) {
    if (!attribute.is<Undefined>()) {
      const Value got = attribute_of(element, to_text(attribute, site), site);
      out.push_back(got.is<Undefined>() ? otherwise : got);
    } else {
      Arguments rest;
      if (!arguments.positional.empty())
        rest.positional.assign(arguments.positional.begin() + 1, arguments.positional.end());
      out.push_back(apply_filter(to_text(arguments.get(0), site), element, rest, site));
    }
  }
  return out;
}

constexpr std::array kFilters = std::to_array<Named<Filter>>({
    {"abs", magnitude},
    {"capitalize", changed_text<capitalize>},
    {"count", length_of},
    {"d", value_or_default},
    {"default", value_or_default},
    {"first", first_of},
    {"float", to_float},
    {"indent", with_indent},
    {"int", to_integer},
    {"items", pairs_of},
    {"join", joined_elements},
    {"last", last_of},
    {"length", length_of},
    {"list", list_of},
    {"lower", changed_text<lower>},
    {"map", mapped},
    {"reject", selected<false, false>},
    {"rejectattr", selected<true, false>},
    {"replace", with_replaced},
    {"reverse", reversed},
    {"safe", unchanged},
    {"select", selected<false, true>},
    {"selectattr", selected<true, true>},
    {"sort", sorted},
    {"string", text_of},
    {"title", changed_text<title>},
    {"tojson", in_json},
    {"trim", trimmed},
    {"unique", without_repeats},
    {"upper", changed_text<upper>},
});

}  // namespace

Value apply_filter(const std::string& name, const Value& value, const Arguments& arguments,
                   Site site) {
  const Budget::Descent descent(site);
  site.spend(kStepWork + arguments.positional.size() * kElementWork);
  const Filter filter = find_named(kFilters, name);
  if (filter == nullptr)
    fail(site, fmt::format("the filter \"{}\" isn't supported; supported are {}", name,
                           names_of(kFilters)));
  return filter(value, arguments, site);
}

}  // namespace candor::data::jinja
