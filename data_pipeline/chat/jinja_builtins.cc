#include "data_pipeline/chat/jinja_builtins.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <optional>

#include "data_pipeline/chat/jinja_lexer.h"
#include "data_pipeline/chat/jinja_text.h"

namespace candor::data::jinja {
namespace {

int64_t length_of(const Value& value, Site site) {
  if (value.is<std::string>()) {
    site.spend(value.as<std::string>().size());
    return static_cast<int64_t>(count_characters(value.as<std::string>()));
  }
  if (value.is_dict() && !value.is_namespace) return static_cast<int64_t>(value.dict().size());
  if (value.is_list()) return static_cast<int64_t>(value.list().size());
  if (value.is<Undefined>()) return 0;
  fail(site, fmt::format("{} has no length", kind_name(value)));
}

// The whole part; none beyond 64 bits, where the conversion isn't defined.
std::optional<int64_t> whole_part(double number) {
  if (!(number > -9.2e18 && number < 9.2e18)) return std::nullopt;
  return static_cast<int64_t>(number);
}

Value to_integer(const Value& value, const Arguments& arguments) {
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

// selectattr("role", "equalto", "user") and rejectattr.
List selected(const Value& value, const Arguments& arguments, bool by_attribute, bool keep,
              Site site) {
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

List mapped(const Value& value, const Arguments& arguments, Site site) {
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

List dict_items(const Value& value, Site site) {
  List out;
  if (value.is_dict() && !value.is_namespace) {
    site.spend(value.dict().size() * 3 * kElementWork);
    for (const auto& [key, element] : value.dict()) out.emplace_back(List{Value(key), element});
  }
  return out;
}

Value joined(const Value& value, const Arguments& arguments, Site site) {
  const Value separator = arguments.get(0, "d"), attribute = arguments.get(1, "attribute");
  std::string out;
  bool first = true;
  for (const Value& element : elements(value, site)) {
    if (!first) out += to_text(separator, site);
    first = false;
    out += to_text(
        attribute.is<Undefined>() ? element : attribute_of(element, to_text(attribute, site), site),
        site);
  }
  return out;
}

}  // namespace

Value apply_filter(const std::string& name, const Value& value, const Arguments& arguments,
                   Site site) {
  const Budget::Descent descent(site);
  site.spend(kStepWork + arguments.positional.size() * kElementWork);
  if (name == "trim") return strip(to_text(value, site), arguments, true, true);
  if (name == "length" || name == "count") return length_of(value, site);
  if (name == "tojson") {
    const Value indent = arguments.get(0, "indent");
    return to_json(
        value,
        indent.is_integer() ? static_cast<int>(std::clamp<int64_t>(indent.integer(), 0, 100)) : -1,
        site);
  }
  if (name == "upper") return upper(to_text(value, site));
  if (name == "lower") return lower(to_text(value, site));
  if (name == "capitalize") return capitalize(to_text(value, site));
  if (name == "title") return title(to_text(value, site));
  if (name == "string") return to_text(value, site);
  if (name == "safe") return value;
  if (name == "int") return to_integer(value, arguments);
  if (name == "float")
    return value.is_number() ? value.number() : std::strtod(to_text(value, site).c_str(), nullptr);
  if (name == "abs" && value.is<double>()) return std::abs(value.as<double>());
  if (name == "abs" && value.is_integer()) {
    if (value.integer() == INT64_MIN) fail(site, "an integer is too large");
    return std::abs(value.integer());
  }
  if (name == "default" || name == "d") {
    const bool missing =
        value.is<Undefined>() || (truth(arguments.get(1, "boolean")) && !truth(value));
    const Value otherwise = arguments.get(0, "default_value");
    return missing ? (otherwise.is<Undefined>() ? Value("") : otherwise) : value;
  }
  if (name == "join") return joined(value, arguments, site);
  if (name == "replace")
    return replaced(to_text(value, site), to_text(arguments.get(0, "old"), site),
                    to_text(arguments.get(1, "new"), site), site);
  if (name == "indent") return indented(to_text(value, site), arguments, site);
  if (name == "list") return elements(value, site);
  if (name == "items") return dict_items(value, site);
  if (name == "selectattr" || name == "rejectattr")
    return selected(value, arguments, true, name == "selectattr", site);
  if (name == "select" || name == "reject")
    return selected(value, arguments, false, name == "select", site);
  if (name == "map") return mapped(value, arguments, site);
  if (name == "first" || name == "last") {
    const List all = elements(value, site);
    return all.empty() ? Value() : (name == "first" ? all.front() : all.back());
  }
  if (name == "reverse") {
    List all = elements(value, site);
    std::reverse(all.begin(), all.end());
    return value.is<std::string>() ? joined(all, {}, site) : Value(all);
  }
  if (name == "unique") {
    List out;
    for (const Value& element : elements(value, site)) {
      if (!contains(out, element, site)) out.push_back(element);
    }
    return out;
  }
  if (name == "sort") {
    List all = elements(value, site);
    const auto lowered = [&](const Value& text) {
      site.spend(text.as<std::string>().size());
      return lower(text.as<std::string>());
    };
    std::stable_sort(all.begin(), all.end(), [&](const Value& a, const Value& b) {
      if (a.is<std::string>() && b.is<std::string>())
        return lowered(a) < lowered(b);  // Jinja ignores case
      return compare(a, b, site) < 0;
    });
    if (truth(arguments.get(0, "reverse"))) std::reverse(all.begin(), all.end());
    return all;
  }
  fail(site, fmt::format("the filter \"{}\" isn't supported for {}", name, kind_name(value)));
}

bool apply_test(const std::string& name, const Value& value, const Arguments& arguments,
                Site site) {
  site.spend(kStepWork + arguments.positional.size() * kElementWork);
  const Value other = arguments.get(0);
  if (name == "defined") return !value.is<Undefined>();
  if (name == "undefined") return value.is<Undefined>();
  if (name == "none") return value.is<None>();
  if (name == "string") return value.is<std::string>();
  if (name == "mapping") return value.is_dict();
  if (name == "sequence" || name == "iterable")
    return value.is_list() || value.is_dict() || value.is<std::string>();
  if (name == "number") return value.is_number();
  if (name == "integer") return value.is<int64_t>();
  if (name == "float") return value.is<double>();
  if (name == "boolean") return value.is<bool>();
  if (name == "callable") return value.is_function();
  if (name == "true") return value.is<bool>() && value.as<bool>();
  if (name == "false") return value.is<bool>() && !value.as<bool>();
  if (name == "equalto" || name == "eq") return equal(value, other, site);
  if (name == "ne") return !equal(value, other, site);
  if (name == "gt" || name == "greaterthan") return compare(value, other, site) > 0;
  if (name == "ge") return compare(value, other, site) >= 0;
  if (name == "lt" || name == "lessthan") return compare(value, other, site) < 0;
  if (name == "le") return compare(value, other, site) <= 0;
  if (name == "in") return contains(other, value, site);
  if (name == "lower") return to_text(value, site) == lower(to_text(value, site));
  if (name == "upper") return to_text(value, site) == upper(to_text(value, site));
  if (name == "odd" || name == "even" || name == "divisibleby") {
    if (!value.is_integer())
      fail(site, fmt::format("the test \"{}\" expects an integer, got {}", name, kind_name(value)));
    const int64_t divisor = name == "divisibleby" && other.is_integer() ? other.integer() : 2;
    if (divisor == 0) fail(site, "divisibleby(0)");
    const bool divides = divisor == -1 || value.integer() % divisor ==
                                              0;  // -1: the smallest integer has no quotient
    return divides == (name != "odd");
  }
  fail(site, fmt::format("the test \"{}\" isn't supported", name));
}

Value method_of(const Value& object, const std::string& name, Site at) {
  const auto method = [&object](Function function) { return Value(std::move(function), &object); };
  if (object.is<std::string>()) {
    const std::string text = object.as<std::string>();
    at.spend(2 * text.size());  // copied into the method
    if (name == "strip" || name == "lstrip" || name == "rstrip") {
      return method([=](const Arguments& a, Site site) {
        return site.spend(text.size()), Value(strip(text, a, name != "rstrip", name != "lstrip"));
      });
    }
    if (name == "startswith")
      return method([=](const Arguments& a, Site site) {
        return Value(text.starts_with(to_text(a.get(0), site)));
      });
    if (name == "endswith")
      return method([=](const Arguments& a, Site site) {
        return Value(text.ends_with(to_text(a.get(0), site)));
      });
    if (name == "split")
      return method([=](const Arguments& a, Site site) { return Value(split(text, a, site)); });
    if (name == "upper")
      return method(
          [=](const Arguments&, Site site) { return site.spend(text.size()), Value(upper(text)); });
    if (name == "lower")
      return method(
          [=](const Arguments&, Site site) { return site.spend(text.size()), Value(lower(text)); });
    if (name == "title")
      return method(
          [=](const Arguments&, Site site) { return site.spend(text.size()), Value(title(text)); });
    if (name == "capitalize")
      return method([=](const Arguments&, Site site) {
        return site.spend(text.size()), Value(capitalize(text));
      });
    if (name == "replace")
      return method([=](const Arguments& a, Site site) {
        return Value(replaced(text, to_text(a.get(0), site), to_text(a.get(1), site), site));
      });
    if (name == "join")
      return method([=](const Arguments& a, Site site) {
        return joined(a.get(0), {{Value(text)}, {}}, site);
      });
    if (name == "find") {
      return method([=](const Arguments& a, Site site) {
        const std::string part = to_text(a.get(0), site);
        spend_search(text, part, site);
        const size_t place = text.find(part);
        return place == std::string::npos ? Value(-1)
                                          : Value(static_cast<int64_t>(count_characters(
                                                std::string_view(text).substr(0, place))));
      });
    }
    if (name == "count") {
      return method([=](const Arguments& a, Site site) {
        const std::string part = to_text(a.get(0), site);
        spend_search(text, part, site);
        int64_t count = 0;
        for (size_t place = 0;
             !part.empty() && (place = text.find(part, place)) != std::string::npos;
             place += part.size())
          ++count;
        return Value(count);
      });
    }
    return {};
  }
  if (object.is_dict() && !object.is_namespace) {
    if (name == "items")
      return method([=](const Arguments&, Site site) { return Value(dict_items(object, site)); });
    if (name == "keys")
      return method([=](const Arguments&, Site site) { return Value(elements(object, site)); });
    if (name == "values") {
      return method([=](const Arguments&, Site site) {
        site.spend(object.dict().size() * kElementWork);
        List out;
        for (const auto& entry : object.dict()) out.push_back(entry.second);
        return Value(out);
      });
    }
    if (name == "get") {
      return method([=](const Arguments& a, Site site) {
        site.spend(object.dict().size());
        const Value* found = find(object.dict(), to_text(a.get(0), site));
        if (found != nullptr) return *found;
        return a.positional.size() > 1 || !a.named.empty() ? a.get(1, "default") : Value(None{});
      });
    }
  }
  return {};
}

Value attribute_of(const Value& object, const std::string& name, Site site) {
  if (object.is<Undefined>()) {
    const std::string& whose = object.as<Undefined>().name;
    fail(site, fmt::format("\"{}\" of {}, which isn't defined", name,
                           whose.empty() ? "a value" : "\"" + whose + "\""));
  }
  if (object.is_dict()) {
    site.spend(object.dict().size());
    if (const Value* found = find(object.dict(), name)) return *found;
  }
  const Value method = method_of(object, name, site);
  return method.is<Undefined>() ? Value(Undefined{name}) : method;
}

bool contains(const Value& container, const Value& element, Site site) {
  if (container.is<std::string>()) {
    if (!element.is<std::string>())
      fail(site, fmt::format("\"in\" a text expects a text, got {}", kind_name(element)));
    spend_search(container.as<std::string>(), element.as<std::string>(), site);
    return container.as<std::string>().find(element.as<std::string>()) != std::string::npos;
  }
  if (container.is_dict()) site.spend(container.dict().size());
  if (container.is_dict())
    return element.is<std::string>() &&
           find(container.dict(), element.as<std::string>()) != nullptr;
  if (container.is<Undefined>()) return false;
  if (!container.is_list())
    fail(site, fmt::format("\"in\" isn't possible with {}", kind_name(container)));
  return std::any_of(container.list().begin(), container.list().end(),
                     [&](const Value& one) { return equal(one, element, site); });
}

}  // namespace candor::data::jinja
