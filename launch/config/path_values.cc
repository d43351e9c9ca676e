#include "launch/config/path_values.h"

#include <fmt/format.h>

#include <cctype>
#include <cstdlib>
#include <stdexcept>

namespace candor::launch {

std::string path_in(const YamlNode& node, const std::string& key) {
  const std::string& text = node.scalar;
  if (!text.starts_with('~')) return text;
  if (!text.starts_with("~/")) {
    throw std::invalid_argument(fmt::format(
        "{}: {}: expected a path in which ~ stands before a / alone, as in ~/x, got {} (./~x is a "
        "name that begins with ~)",
        node.where, key, node.description()));
  }
  const char* home = std::getenv("HOME");
  if (home == nullptr || home[0] != '/') {
    throw std::invalid_argument(
        fmt::format("{}: {}: expected a path without ~/, because HOME names no folder, got {}",
                    node.where, key, node.description()));
  }
  return home + text.substr(1);
}

std::optional<std::string> variable_warning(const YamlNode& node, const std::string& key) {
  const std::string& text = node.scalar;
  for (size_t i = text.find('$'); i != std::string::npos; i = text.find('$', i + 1)) {
    const unsigned char next = i + 1 < text.size() ? static_cast<unsigned char>(text[i + 1]) : ' ';
    if (next != '{' && next != '_' && std::isalpha(next) == 0) continue;
    return fmt::format(
        "{}: {}: {} is taken as it stands: variables aren't replaced in a config; write the path "
        "out, or begin it with ~/",
        node.where, key, node.description());
  }
  return std::nullopt;
}

}  // namespace candor::launch
