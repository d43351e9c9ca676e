#include "launch/config/yaml_scalars.h"

#include <charconv>
#include <cmath>

namespace candor::launch {

std::optional<int64_t> integer_in(const YamlNode& node) {
  if (node.kind != YamlNode::Kind::kScalar || node.quoted) return std::nullopt;
  const std::string& s = node.scalar;
  const size_t digits = s.starts_with('-') ? 1 : 0;
  if (s.size() == digits || (s[digits] == '0' && s.size() > digits + 1)) return std::nullopt;
  int64_t value = 0;
  const auto [end, error] = std::from_chars(s.data(), s.data() + s.size(), value);
  if (error != std::errc() || end != s.data() + s.size()) return std::nullopt;
  return value;
}

std::optional<double> number_in(const YamlNode& node) {
  if (node.kind != YamlNode::Kind::kScalar || node.quoted) return std::nullopt;
  const std::string& s = node.scalar;
  const size_t digits = s.starts_with('-') ? 1 : 0;
  if (s.size() == digits || s[digits] < '0' || s[digits] > '9') return std::nullopt;
  if (s[digits] == '0' && s.size() > digits + 1 && s[digits + 1] >= '0' && s[digits + 1] <= '9')
    return std::nullopt;
  double value = 0;
  const auto [end, error] = std::from_chars(s.data(), s.data() + s.size(), value);
  if (error != std::errc() || end != s.data() + s.size() || !std::isfinite(value))
    return std::nullopt;
  return value;
}

}  // namespace candor::launch
