#include "data_pipeline/chat/jinja_operators.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "data_pipeline/chat/jinja_attributes.h"
#include "data_pipeline/chat/jinja_lexer.h"

namespace candor::data::jinja {
namespace {

// Copying a text costs its bytes.
Value spent(std::string text, Site site) {
  site.spend(text.size());
  return text;
}

Value of_integers(const std::string& op, int64_t x, int64_t y, Site site) {
  int64_t result = 0;
  bool overflow = false;
  if (op == "+") overflow = __builtin_add_overflow(x, y, &result);
  if (op == "-") overflow = __builtin_sub_overflow(x, y, &result);
  if (op == "*") overflow = __builtin_mul_overflow(x, y, &result);
  if (op == "//" || op == "%") {
    if (y == -1) {
      if (op == "//") overflow = __builtin_sub_overflow(int64_t{0}, x, &result);
    } else {  // Python rounds down.
      const int64_t down = x / y - ((x % y != 0 && (x < 0) != (y < 0)) ? 1 : 0);
      result = op == "//" ? down : x - down * y;
    }
  }
  if (overflow) fail(site, "an integer is too large");
  return result;
}

Value repeated(const std::string& text, int64_t times, Site line) {
  std::string out;
  if (text.empty() || times <= 0) return out;
  if (text.size() * static_cast<size_t>(std::min<int64_t>(times, 1 << 30)) > kLongestText)
    fail(line, "a repeated text is too long");
  line.spend(text.size() * static_cast<size_t>(times));
  for (int64_t i = 0; i < times; ++i) out += text;
  return out;
}

}  // namespace

Value item(const Value& object, const Value& key, Site line) {
  if (key.is<std::string>()) {
    if (object.is_dict()) {
      line.spend(object.dict().size());
      const Value* found = find(object.dict(), key.as<std::string>());
      return found != nullptr ? *found : Value(Undefined{key.as<std::string>()});
    }
    return attribute_of(object, key.as<std::string>(), line);
  }
  if (object.is<Undefined>())
    fail(line, fmt::format("an item of \"{}\", which isn't defined", object.as<Undefined>().name));
  if (!key.is_integer() || object.is_dict()) return Undefined{};
  const List of_text = object.is_list() ? List() : elements(object, line);
  const List& list = object.is_list() ? object.list() : of_text;
  const auto count = static_cast<int64_t>(list.size());
  const int64_t index = key.integer() < 0 ? key.integer() + count : key.integer();
  return index >= 0 && index < count ? list[static_cast<size_t>(index)] : Value();
}

Value binary(const std::string& op, const Value& a, const Value& b, Site site) {
  if (op == "~") return spent(to_text(a, site) + to_text(b, site), site);
  if (op == "+" && a.is<std::string>() && b.is<std::string>())
    return spent(a.as<std::string>() + b.as<std::string>(), site);
  if (op == "+" && a.is_list() && b.is_list()) {
    site.spend((a.list().size() + b.list().size()) * kElementWork);
    List list = a.list();
    list.insert(list.end(), b.list().begin(), b.list().end());
    return list;
  }
  if (op == "*" && a.is<std::string>() && b.is_integer())
    return repeated(a.as<std::string>(), b.integer(), site);
  if (!a.is_number() || !b.is_number())
    fail(site, fmt::format("\"{}\" between {} and {}", op, kind_name(a), kind_name(b)));
  if ((op == "/" || op == "//" || op == "%") && b.number() == 0) fail(site, "division by zero");
  if (op == "/") return a.number() / b.number();
  if (op == "**") {
    const double power = std::pow(a.number(), b.number());
    return a.is_integer() && b.is_integer() && b.integer() >= 0 && std::abs(power) < 9e15
               ? Value(static_cast<int64_t>(power))
               : Value(power);
  }
  if (a.is_integer() && b.is_integer()) return of_integers(op, a.integer(), b.integer(), site);
  const double x = a.number(), y = b.number();
  if (op == "+") return x + y;
  if (op == "-") return x - y;
  if (op == "*") return x * y;
  if (op == "//") return std::floor(x / y);
  return x - std::floor(x / y) * y;
}

}  // namespace candor::data::jinja
