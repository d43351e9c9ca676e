#include "launch/config/yaml_scalars.h"

#include <charconv>
#include <cmath>
#include <string_view>

namespace candor::launch {
namespace {

bool is_decimal_digit(char c) { return c >= '0' && c <= '9'; }

// Without a plus, which std::from_chars doesn't take. Nothing where no digit or point comes first,
// so that no name such as nan is a number, or where a zero stands before another digit.
std::optional<std::string_view> unsigned_start(const YamlNode& node) {
  if (node.kind != YamlNode::Kind::kScalar || node.quoted) return std::nullopt;
  std::string_view text = node.scalar;
  if (text.starts_with('+')) {
    text.remove_prefix(1);
    if (text.starts_with('-')) return std::nullopt;
  }
  std::string_view digits = text.starts_with('-') ? text.substr(1) : text;
  if (digits.empty() || (!is_decimal_digit(digits[0]) && digits[0] != '.')) return std::nullopt;
  if (digits.size() > 1 && digits[0] == '0' && is_decimal_digit(digits[1])) return std::nullopt;
  return text;
}

template <typename Number>
std::optional<Number> whole_text_as(std::string_view text) {
  Number value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

std::optional<int64_t> integer_in(const YamlNode& node) {
  const std::optional<std::string_view> text = unsigned_start(node);
  return text ? whole_text_as<int64_t>(*text) : std::nullopt;
}

std::optional<double> number_in(const YamlNode& node) {
  const std::optional<std::string_view> text = unsigned_start(node);
  const std::optional<double> value = text ? whole_text_as<double>(*text) : std::nullopt;
  return value && std::isfinite(*value) ? value : std::nullopt;
}

std::optional<bool> boolean_in(const YamlNode& node) {
  if (node.kind != YamlNode::Kind::kScalar || node.quoted) return std::nullopt;
  const std::string& text = node.scalar;
  if (text == "true" || text == "True" || text == "TRUE") return true;
  if (text == "false" || text == "False" || text == "FALSE") return false;
  return std::nullopt;
}

bool must_be_quoted_as_text(const YamlNode& node) {
  if (node.quoted) return false;
  if (node.scalar == "true" || node.scalar == "false") return true;
  const size_t first = node.scalar.starts_with('-') ? 1 : 0;
  return number_in(node).has_value() && is_decimal_digit(node.scalar[first]);
}

}  // namespace candor::launch
