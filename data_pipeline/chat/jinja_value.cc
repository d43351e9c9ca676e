#include "data_pipeline/chat/jinja_value.h"

#include <fmt/format.h>

#include <cmath>

#include "data_pipeline/chat/jinja_lexer.h"

namespace candor::jinja {
namespace {

std::string float_text(double value) {
  std::string text = fmt::format("{}", value);
  if (std::isfinite(value) && text.find_first_of(".e") == std::string::npos) text += ".0";
  return text;
}

std::string quoted(const std::string& text) {
  const char quote = text.find('\'') != std::string::npos && text.find('"') == std::string::npos ? '"' : '\'';
  std::string out(1, quote);
  for (const char c : text) {
    if (c == quote || c == '\\') {
      out += {'\\', c};
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else if (c == '\r') {
      out += "\\r";
    } else {
      out += c;
    }
  }
  return out + quote;
}

std::string json_text(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    switch (c) {
      case '"': out += "\\\""; break;
      case '\\': out += "\\\\"; break;
      case '\n': out += "\\n"; break;
      case '\r': out += "\\r"; break;
      case '\t': out += "\\t"; break;
      case '\b': out += "\\b"; break;
      case '\f': out += "\\f"; break;
      default:
        if (static_cast<unsigned char>(c) < 0x20) {
          out += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
        } else {
          out += c;
        }
    }
  }
  return out + "\"";
}

void write_json(const Value& value, int indent, int depth, int line, std::string& out) {
  const auto new_line = [&](int levels) {
    if (indent >= 0) out += "\n" + std::string(static_cast<size_t>(indent * levels), ' ');
  };
  const std::string separator = indent >= 0 ? "," : ", ";
  if (value.is_list() || value.is_dict()) {
    const bool list = value.is_list();
    const size_t count = list ? value.list().size() : value.dict().size();
    out += list ? "[" : "{";
    for (size_t i = 0; i < count; ++i) {
      if (i > 0) out += separator;
      new_line(depth + 1);
      if (!list) out += json_text(value.dict()[i].first) + ": ";
      write_json(list ? value.list()[i] : value.dict()[i].second, indent, depth + 1, line, out);
    }
    if (count > 0) new_line(depth);
    out += list ? "]" : "}";
  } else if (value.is<std::string>()) {
    out += json_text(value.as<std::string>());
  } else if (value.is<None>()) {
    out += "null";
  } else if (value.is<bool>()) {
    out += value.as<bool>() ? "true" : "false";
  } else if (value.is_number()) {
    out += to_text(value);
  } else {
    fail(line, fmt::format("tojson can't write {}", kind_name(value)));
  }
}

}  // namespace

Value Arguments::get(size_t index, const std::string& name) const {
  if (index < positional.size()) return positional[index];
  for (const auto& [given, value] : named) {
    if (given == name) return value;
  }
  return {};
}

const Value* find(const Dict& dict, const std::string& key) {
  for (const auto& [name, value] : dict) {
    if (name == key) return &value;
  }
  return nullptr;
}

bool truth(const Value& value) {
  if (value.is<bool>()) return value.as<bool>();
  if (value.is_number()) return value.number() != 0;
  if (value.is<std::string>()) return !value.as<std::string>().empty();
  if (value.is_list()) return !value.list().empty();
  if (value.is_dict()) return value.is_namespace || !value.dict().empty();
  return value.is_function();
}

bool equal(const Value& a, const Value& b) {
  if (a.is_number() && b.is_number()) return a.number() == b.number();
  if (a.data.index() != b.data.index()) return false;
  if (a.is<std::string>()) return a.as<std::string>() == b.as<std::string>();
  if (a.is<None>() || a.is<Undefined>()) return true;
  if (a.is_list()) {
    if (a.list().size() != b.list().size()) return false;
    for (size_t i = 0; i < a.list().size(); ++i) {
      if (!equal(a.list()[i], b.list()[i])) return false;
    }
    return true;
  }
  if (a.is_dict()) {
    if (a.dict().size() != b.dict().size()) return false;
    for (const auto& [key, value] : a.dict()) {
      const Value* other = find(b.dict(), key);
      if (other == nullptr || !equal(value, *other)) return false;
    }
    return true;
  }
  return false;
}

int compare(const Value& a, const Value& b, int line) {
  if (a.is_number() && b.is_number()) return a.number() < b.number() ? -1 : (a.number() > b.number() ? 1 : 0);
  if (a.is<std::string>() && b.is<std::string>()) {
    const int order = a.as<std::string>().compare(b.as<std::string>());
    return order < 0 ? -1 : (order > 0 ? 1 : 0);
  }
  fail(line, fmt::format("can't order {} and {}", kind_name(a), kind_name(b)));
}

std::string to_text(const Value& value) {
  if (value.is<std::string>()) return value.as<std::string>();
  if (value.is<Undefined>()) return "";
  return to_repr(value);
}

std::string to_repr(const Value& value) {
  if (value.is<std::string>()) return quoted(value.as<std::string>());
  if (value.is<Undefined>()) return "Undefined";
  if (value.is<None>()) return "None";
  if (value.is<bool>()) return value.as<bool>() ? "True" : "False";
  if (value.is<int64_t>()) return std::to_string(value.as<int64_t>());
  if (value.is<double>()) return float_text(value.as<double>());
  std::string out;
  if (value.is_list()) {
    for (const Value& element : value.list()) out += (out.empty() ? "" : ", ") + to_repr(element);
    return "[" + out + "]";
  }
  if (value.is_dict()) {
    for (const auto& [key, element] : value.dict()) out += (out.empty() ? "" : ", ") + quoted(key) + ": " + to_repr(element);
    return "{" + out + "}";
  }
  return "<function>";
}

std::string to_json(const Value& value, int indent, int line) {
  std::string out;
  write_json(value, indent, 0, line, out);
  return out;
}

const char* kind_name(const Value& value) {
  constexpr const char* kNames[] = {"an undefined value", "none", "a boolean", "an integer", "a number", "a text", "a list", "a mapping", "a function"};
  return kNames[value.data.index()];
}

std::vector<std::string> characters(const std::string& text) {
  std::vector<std::string> out;
  for (const char c : text) {
    const bool continues = (static_cast<unsigned char>(c) & 0xC0) == 0x80;
    if (continues && !out.empty()) {
      out.back() += c;
    } else {
      out.emplace_back(1, c);
    }
  }
  return out;
}

List elements(const Value& value, int line) {
  if (value.is_list()) return value.list();
  List out;
  if (value.is_dict()) {
    for (const auto& entry : value.dict()) out.emplace_back(entry.first);
  } else if (value.is<std::string>()) {
    for (std::string& c : characters(value.as<std::string>())) out.emplace_back(std::move(c));
  } else if (!value.is<Undefined>()) {
    fail(line, fmt::format("{} can't be walked", kind_name(value)));
  }
  return out;
}

}  // namespace candor::jinja
