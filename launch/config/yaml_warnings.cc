#include "launch/config/yaml_warnings.h"

#include <fmt/format.h>

#include <optional>
#include <string_view>

namespace candor::launch {
namespace {

std::string_view meaning_of_escape(char letter) {
  switch (letter) {
    case 'n': return "line break";
    case 't': return "tab";
    case 'r': return "carriage return";
    default: return "";
  }
}

// The letter of the first escape; nothing where there is none, or for TeX.
std::optional<char> escape_in(const std::string& text) {
  if (text.find('$') != std::string::npos) return std::nullopt;
  std::optional<char> first;
  for (size_t i = text.find('\\'); i != std::string::npos; i = text.find('\\', i + 1)) {
    const char letter = i + 1 < text.size() ? text[i + 1] : '\0';
    if (meaning_of_escape(letter).empty()) return std::nullopt;
    if (!first) first = letter;
  }
  return first;
}

std::string_view place_of_escape(YamlNode::Style style) {
  switch (style) {
    case YamlNode::Style::kSingleQuotes: return "in single quotes";
    case YamlNode::Style::kBlock: return "in a block of text";
    default: return "outside of double quotes";
  }
}

void add_warnings(const YamlNode& node, const std::string& path,
                  std::vector<std::string>& warnings) {
  for (size_t i = 0; i < node.items.size(); ++i)
    add_warnings(node.items[i], fmt::format("{}[{}]", path, i), warnings);
  for (const auto& [key, value] : node.entries)
    add_warnings(value, path.empty() ? key.scalar : path + "." + key.scalar, warnings);
  if (node.kind != YamlNode::Kind::kScalar || node.style == YamlNode::Style::kDoubleQuotes) return;
  if (const std::optional<char> letter = escape_in(node.scalar)) {
    warnings.push_back(fmt::format(
        "{0}: {1}: \\{2} {3} is a backslash and the letter {2}, not a {4}; for a {4} put the text "
        "in double quotes",
        node.where, path, *letter, place_of_escape(node.style), meaning_of_escape(*letter)));
  }
}

}  // namespace

std::vector<std::string> escape_warnings(const YamlNode& root) {
  std::vector<std::string> warnings;
  add_warnings(root, "", warnings);
  return warnings;
}

}  // namespace candor::launch
