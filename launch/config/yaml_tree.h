// A YAML document as a plain tree in which every node knows where it was written, and to which
// overrides can be applied.
// yaml-cpp passes repeated keys silently and forgets where a value came from once it is replaced;
// this tree does neither.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace candor::launch {

struct YamlNode {
  enum class Kind { kNull, kScalar, kList, kMap };
  enum class Style { kPlain, kSingleQuotes, kDoubleQuotes, kBlock };

  // Defined where the type is complete, which a pair of nodes needs.
  YamlNode();
  YamlNode(const YamlNode& other);
  YamlNode(YamlNode&& other) noexcept;
  YamlNode& operator=(const YamlNode& other);
  YamlNode& operator=(YamlNode&& other) noexcept;
  ~YamlNode();

  Kind kind = Kind::kNull;
  std::string where;  // "my.yaml:3:5", or "--set train.max_steps=x"
  std::string scalar;
  bool quoted = false;  // a scalar in quotes, or a block of text: never a number or a boolean
  Style style = Style::kPlain;  // of a scalar, for hints
  std::vector<YamlNode> items;
  std::vector<std::pair<YamlNode, YamlNode>> entries;  // key, value; keys are distinct scalars

  YamlNode* find(std::string_view key);
  // For "got ...": the value itself, shortened, or what kind it is.
  std::string description() const;
};

// Throws std::invalid_argument "name:line:column: ..." for text that isn't YAML (yaml_mistakes.h
// says why), more than one document, a repeated key, a key that isn't a scalar, nesting beyond 32
// levels, or more text or nodes (aliases written out) than a config can have.
YamlNode parse_yaml(std::string_view text, const std::string& name);

// Sets one key. Sections on the way that don't exist are made. Throws std::invalid_argument that
// begins with the override.
void apply_override(YamlNode& root, const std::string& override_text);

}  // namespace candor::launch
