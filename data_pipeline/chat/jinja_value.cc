#include "data_pipeline/chat/jinja_value.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <utility>

#include "data_pipeline/chat/jinja_lexer.h"

namespace candor::data::jinja {
namespace {

std::string float_text(double value) {
  std::string text = fmt::format("{}", value);
  if (std::isfinite(value) && text.find_first_of(".e") == std::string::npos) text += ".0";
  return text;
}

std::string quoted(const std::string& text) {
  const char quote =
      text.find('\'') != std::string::npos && text.find('"') == std::string::npos ? '"' : '\'';
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

class JsonWriter {
 public:
  JsonWriter(int indent, Site site) : indent_(indent), site_(site) {}

  std::string take() { return std::move(out_); }

  void write(const Value& value, int depth) {
    site_.spend(kStepWork);
    if (value.is_list() || (value.is_dict() && !value.is_namespace)) {
      const bool list = value.is_list();
      const size_t count = list ? value.list().size() : value.dict().size();
      put(list ? "[" : "{");
      for (size_t i = 0; i < count; ++i) {
        if (i > 0) put(indent_ >= 0 ? "," : ", ");
        new_line(depth + 1);
        if (!list) put(json_text(value.dict()[i].first) + ": ");
        write(list ? value.list()[i] : value.dict()[i].second, depth + 1);
      }
      if (count > 0) new_line(depth);
      put(list ? "]" : "}");
    } else if (value.is<std::string>()) {
      put(json_text(value.as<std::string>()));
    } else if (value.is<None>()) {
      put("null");
    } else if (value.is<bool>()) {
      put(value.as<bool>() ? "true" : "false");
    } else if (value.is_number()) {
      put(to_text(value, site_));
    } else {
      fail(site_, fmt::format("tojson can't write {}",
                              value.is_namespace ? "a namespace" : kind_name(value)));
    }
  }

 private:
  void put(std::string_view text) {
    site_.spend(text.size());
    out_ += text;
  }
  void new_line(int levels) {
    if (indent_ >= 0) put("\n" + std::string(static_cast<size_t>(indent_ * levels), ' '));
  }

  int indent_;
  Site site_;
  std::string out_;
};

void append_repr(const Value& value, Site site, std::string& out) {
  const auto put = [&](const std::string& text) {
    site.spend(kStepWork + text.size());
    out += text;
  };
  if (value.is<std::string>()) return put(quoted(value.as<std::string>()));
  if (value.is<Undefined>()) return put("Undefined");
  if (value.is<None>()) return put("None");
  if (value.is<bool>()) return put(value.as<bool>() ? "True" : "False");
  if (value.is<int64_t>()) return put(std::to_string(value.as<int64_t>()));
  if (value.is<double>()) return put(float_text(value.as<double>()));
  if (value.is_namespace) return put("<namespace>");
  bool first = true;
  if (value.is_list()) {
    put("[");
    for (const Value& element : value.list()) {
      if (!std::exchange(first, false)) put(", ");
      append_repr(element, site, out);
    }
    return put("]");
  }
  if (value.is_dict()) {
    put("{");
    for (const auto& [key, element] : value.dict()) {
      put((std::exchange(first, false) ? "" : ", ") + quoted(key) + ": ");
      append_repr(element, site, out);
    }
    return put("}");
  }
  put("<function>");
}

// The depth of what holds `element` beside others of `depth`.
int depth_with(int depth, const Value& element) {
  if (element.is_namespace)
    throw std::invalid_argument(
        "chat template: a namespace can't be kept in a list, a mapping or a namespace");
  depth = std::max(depth, element.depth + 1);
  if (depth > kDeepestValue)
    throw std::invalid_argument(
        fmt::format("chat template: a value is nested over {} deep", kDeepestValue));
  return depth;
}

}  // namespace

Value::Value(List list) {
  for (const Value& element : list) depth = depth_with(depth, element);
  data = std::make_shared<List>(std::move(list));
}

Value::Value(Dict dict) {
  for (const auto& entry : dict) depth = depth_with(depth, entry.second);
  data = std::make_shared<Dict>(std::move(dict));
}

Value::Value(Function function, const Value* held)
    : data(std::make_shared<Function>(std::move(function))) {
  if (held != nullptr) depth = depth_with(depth, *held);
}

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

bool equal(const Value& a, const Value& b, Site site) {
  site.spend(kStepWork);
  if (a.is_number() && b.is_number()) return a.number() == b.number();
  if (a.data.index() != b.data.index()) return false;
  if (a.is<std::string>()) {
    site.spend(std::min(a.as<std::string>().size(), b.as<std::string>().size()));
    return a.as<std::string>() == b.as<std::string>();
  }
  if (a.is<None>() || a.is<Undefined>()) return true;
  if (a.is_list()) {
    if (a.list().size() != b.list().size()) return false;
    for (size_t i = 0; i < a.list().size(); ++i) {
      if (!equal(a.list()[i], b.list()[i], site)) return false;
    }
    return true;
  }
  if (a.is_namespace || b.is_namespace) return a.is_dict() && b.is_dict() && &a.dict() == &b.dict();
  if (a.is_dict()) {
    if (a.dict().size() != b.dict().size()) return false;
    for (const auto& [key, value] : a.dict()) {
      site.spend(b.dict().size());
      const Value* other = find(b.dict(), key);
      if (other == nullptr || !equal(value, *other, site)) return false;
    }
    return true;
  }
  return false;
}

int compare(const Value& a, const Value& b, Site site) {
  site.spend(kStepWork);
  if (a.is_number() && b.is_number())
    return a.number() < b.number() ? -1 : (a.number() > b.number() ? 1 : 0);
  if (a.is<std::string>() && b.is<std::string>()) {
    site.spend(std::min(a.as<std::string>().size(), b.as<std::string>().size()));
    const int order = a.as<std::string>().compare(b.as<std::string>());
    return order < 0 ? -1 : (order > 0 ? 1 : 0);
  }
  fail(site, fmt::format("can't order {} and {}", kind_name(a), kind_name(b)));
}

std::string to_text(const Value& value, Site site) {
  if (value.is<std::string>()) {
    site.spend(1 + value.as<std::string>().size());
    return value.as<std::string>();
  }
  if (value.is<Undefined>()) return "";
  return to_repr(value, site);
}

std::string to_repr(const Value& value, Site site) {
  std::string out;
  append_repr(value, site, out);
  return out;
}

std::string to_json(const Value& value, int indent, Site site) {
  JsonWriter writer(indent, site);
  writer.write(value, 0);
  return writer.take();
}

const char* kind_name(const Value& value) {
  constexpr const char* kNames[] = {"an undefined value", "none",   "a boolean", "an integer",
                                    "a number",           "a text", "a list",    "a mapping",
                                    "a function"};
  return kNames[value.data.index()];
}

namespace {

bool continues(char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }

}  // namespace

// As many as elements() makes: bytes before the first character's start belong to one.
size_t count_characters(std::string_view text) {
  const auto starts = static_cast<size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return !continues(c); }));
  return starts + (!text.empty() && continues(text.front()) ? 1 : 0);
}

List elements(const Value& value, Site site) {
  site.spend(kStepWork);
  if (value.is_list()) {
    site.spend(value.list().size() * kElementWork);
    return value.list();
  }
  List out;
  if (value.is_dict() && !value.is_namespace) {
    for (const auto& entry : value.dict()) {
      site.spend(kElementWork + entry.first.size());
      out.emplace_back(entry.first);
    }
  } else if (value.is<std::string>()) {
    const std::string& text = value.as<std::string>();
    for (size_t begin = 0, end = 0; begin < text.size(); begin = end) {
      for (end = begin + 1; end < text.size() && continues(text[end]);) ++end;
      site.spend(kElementWork + (end - begin));
      out.emplace_back(text.substr(begin, end - begin));
    }
  } else if (!value.is<Undefined>()) {
    fail(site,
         fmt::format("{} can't be walked", value.is_namespace ? "a namespace" : kind_name(value)));
  }
  return out;
}

}  // namespace candor::data::jinja
