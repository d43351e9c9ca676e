#include "data_pipeline/chat/jinja_attributes.h"

#include <fmt/format.h>

#include <array>

#include "data_pipeline/chat/jinja_lexer.h"
#include "data_pipeline/chat/jinja_named.h"
#include "data_pipeline/chat/jinja_text.h"

namespace candor::data::jinja {
namespace {

using TextMethod = Value (*)(const std::string& text, const Arguments& arguments, Site site);
using DictMethod = Value (*)(const Value& object, const Arguments& arguments, Site site);

template <std::string (*change)(std::string)>
Value changed(const std::string& text, const Arguments&, Site site) {
  site.spend(text.size());
  return change(text);
}

template <bool left, bool right>
Value stripped(const std::string& text, const Arguments& arguments, Site site) {
  site.spend(text.size());
  return strip(text, arguments, left, right);
}

Value starts_with(const std::string& text, const Arguments& arguments, Site site) {
  return text.starts_with(to_text(arguments.get(0), site));
}

Value ends_with(const std::string& text, const Arguments& arguments, Site site) {
  return text.ends_with(to_text(arguments.get(0), site));
}

Value place_of(const std::string& text, const Arguments& arguments, Site site) {
  const std::string part = to_text(arguments.get(0), site);
  spend_search(text, part, site);
  const size_t place = text.find(part);
  if (place == std::string::npos) return -1;
  return static_cast<int64_t>(count_characters(std::string_view(text).substr(0, place)));
}

Value count_of(const std::string& text, const Arguments& arguments, Site site) {
  const std::string part = to_text(arguments.get(0), site);
  spend_search(text, part, site);
  int64_t count = 0;
  for (size_t place = 0; !part.empty() && (place = text.find(part, place)) != std::string::npos;
       place += part.size())
    ++count;
  return count;
}

Value split_text(const std::string& text, const Arguments& arguments, Site site) {
  return split(text, arguments, site);
}

Value replaced_in(const std::string& text, const Arguments& arguments, Site site) {
  return replaced(text, to_text(arguments.get(0), site), to_text(arguments.get(1), site), site);
}

Value joined_by(const std::string& text, const Arguments& arguments, Site site) {
  return joined(arguments.get(0), {{Value(text)}, {}}, site);
}

constexpr std::array kTextMethods = std::to_array<Named<TextMethod>>({
    {"capitalize", changed<capitalize>},
    {"count", count_of},
    {"endswith", ends_with},
    {"find", place_of},
    {"join", joined_by},
    {"lower", changed<lower>},
    {"lstrip", stripped<true, false>},
    {"replace", replaced_in},
    {"rstrip", stripped<false, true>},
    {"split", split_text},
    {"startswith", starts_with},
    {"strip", stripped<true, true>},
    {"title", changed<title>},
    {"upper", changed<upper>},
});

Value entry_or_default(const Value& object, const Arguments& arguments, Site site) {
  site.spend(object.dict().size());
  const Value* found = find(object.dict(), to_text(arguments.get(0), site));
  if (found != nullptr) return *found;
  const bool has_default = arguments.positional.size() > 1 || !arguments.named.empty();
  return has_default ? arguments.get(1, "default") : Value(None{});
}

Value items_of(const Value& object, const Arguments&, Site site) {
  return dict_items(object, site);
}

Value keys_of(const Value& object, const Arguments&, Site site) { return elements(object, site); }

Value values_of(const Value& object, const Arguments&, Site site) {
  site.spend(object.dict().size() * kElementWork);
  List out;
  for (const auto& entry : object.dict()) out.push_back(entry.second);
  return out;
}

constexpr std::array kDictMethods = std::to_array<Named<DictMethod>>({
    {"get", entry_or_default},
    {"items", items_of},
    {"keys", keys_of},
    {"values", values_of},
});

}  // namespace

List dict_items(const Value& value, Site site) {
  List out;
  if (value.is_dict() && !value.is_namespace) {
    site.spend(value.dict().size() * 3 * kElementWork);
    for (const auto& [key, element] : value.dict()) out.emplace_back(List{Value(key), element});
  }
  return out;
}

std::string joined(const Value& value, const Arguments& arguments, Site site) {
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

Value method_of(const Value& object, const std::string& name, Site site) {
  if (object.is<std::string>()) {
    const std::string& text = object.as<std::string>();
    site.spend(2 * text.size());  // It is copied into the method.
    const TextMethod method = find_named(kTextMethods, name);
    if (method == nullptr) return {};
    const auto bound = [=](const Arguments& arguments, Site at) {
      return method(text, arguments, at);
    };
    return {Function(bound), &object};
  }
  if (object.is_dict() && !object.is_namespace) {
    const DictMethod method = find_named(kDictMethods, name);
    if (method == nullptr) return {};
    const auto bound = [=](const Arguments& arguments, Site at) {
      return method(object, arguments, at);
    };
    return {Function(bound), &object};
  }
  return {};
}

std::string method_names() {
  return fmt::format("{} of texts and {} of mappings", names_of(kTextMethods),
                     names_of(kDictMethods));
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

}  // namespace candor::data::jinja
