#include "launch/config/yaml_tree.h"

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <optional>
#include <sstream>
#include <stdexcept>

#include "launch/config/yaml_mistakes.h"

namespace candor::launch {
namespace {

constexpr int kMaxDepth = 32;
constexpr size_t kMaxNodes = 20'000;  // aliases of aliases could make more out of a few lines; keys
                                      // are compared with all before them
constexpr size_t kMaxTextBytes = 1'000'000;  // of a file or an override; a config has some KB
constexpr size_t kMaxPathParts = kMaxDepth;  // of an override's key

// How the scalar is written whose anchor, tag or text begins at a position that yaml-cpp gives. It
// tells only whether there are quotes.
YamlNode::Style style_at(std::string_view text, size_t position) {
  using Style = YamlNode::Style;
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);  // which yaml-cpp doesn't count
  while (position < text.size() && (text[position] == '&' || text[position] == '!')) {
    position = std::min(text.find_first_of(" \t\r\n", position), text.size());
    position = std::min(text.find_first_not_of(" \t\r\n", position), text.size());
  }
  switch (position < text.size() ? text[position] : '"') {
    case '\'': return Style::kSingleQuotes;
    case '|':
    case '>': return Style::kBlock;
    default: return Style::kDoubleQuotes;  // in UTF-16 perhaps another one, without a hint
  }
}

class TreeBuilder {
 public:
  // `text` is what is built from, and has to live as long.
  TreeBuilder(std::string name, std::string_view text) : name_(std::move(name)), text_(text) {}

  YamlNode build(const YAML::Node& source, int depth) {
    YamlNode node;
    node.where = where(source.Mark());
    if (depth > kMaxDepth || ++nodes_ > kMaxNodes)
      throw std::invalid_argument(
          fmt::format("{}: nested too deeply or too large for a config", node.where));
    switch (source.Type()) {
      case YAML::NodeType::Undefined:
      case YAML::NodeType::Null: break;
      case YAML::NodeType::Scalar:
        node.kind = YamlNode::Kind::kScalar;
        node.scalar = source.Scalar();
        node.quoted = source.Tag() == "!";
        if (node.quoted) node.style = style_at(text_, static_cast<size_t>(source.Mark().pos));
        break;
      case YAML::NodeType::Sequence:
        node.kind = YamlNode::Kind::kList;
        for (const YAML::Node& item : source) node.items.push_back(build(item, depth + 1));
        break;
      case YAML::NodeType::Map:
        node.kind = YamlNode::Kind::kMap;
        for (const auto& entry : source) add_entry(node, entry.first, entry.second, depth);
        break;
    }
    return node;
  }

  std::string where(const YAML::Mark& mark) const { return where(place(mark)); }
  std::string where(TextPlace place) const {
    return fixed_where_ ? name_ : fmt::format("{}:{}:{}", name_, place.line + 1, place.column + 1);
  }
  static TextPlace place(const YAML::Mark& mark) {
    return {.line = static_cast<size_t>(std::max(mark.line, 0)),
            .column = static_cast<size_t>(std::max(mark.column, 0))};
  }
  const std::string& name() const { return name_; }
  void use_name_alone() { fixed_where_ = true; }

 private:
  void add_entry(YamlNode& node, const YAML::Node& key_source, const YAML::Node& value_source,
                 int depth) {
    YamlNode key = build(key_source, depth + 1);
    if (key.kind != YamlNode::Kind::kScalar)
      throw std::invalid_argument(
          fmt::format("{}: expected a key, got {}", key.where, key.description()));
    for (const auto& [other, value] : node.entries) {
      if (other.scalar == key.scalar) {
        throw std::invalid_argument(
            fmt::format("{}: repeated key \"{}\", first at {}; keep one of them", key.where,
                        key.scalar, other.where));
      }
    }
    YamlNode value = build(value_source, depth + 1);
    if (value.kind == YamlNode::Kind::kNull)
      value.where = key.where;  // yaml-cpp gives an empty value no place of its own
    node.entries.emplace_back(std::move(key), std::move(value));
  }

  std::string name_;
  std::string_view text_;
  bool fixed_where_ = false;
  size_t nodes_ = 0;
};

// Finds where a second document begins.
class DocumentCounter final : public YAML::EventHandler {
 public:
  int documents = 0;
  std::optional<YAML::Mark> second;

  void OnDocumentStart(const YAML::Mark&) override { ++documents; }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t) override { at(mark); }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override { at(mark); }
  void OnScalar(const YAML::Mark& mark, const std::string&, YAML::anchor_t,
                const std::string&) override {
    at(mark);
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t,
                       YAML::EmitterStyle::value) override {
    at(mark);
  }
  void OnSequenceEnd() override {}
  void OnMapStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t,
                  YAML::EmitterStyle::value) override {
    at(mark);
  }
  void OnMapEnd() override {}

 private:
  void at(const YAML::Mark& mark) {
    if (documents == 2 && !second) second = mark;
  }
};

// The only document; null where there is none. Not LoadAll(), which makes documents without end of
// a "," that stands where a document ends.
YAML::Node load(std::string_view text, const TreeBuilder& builder) {
  if (text.size() > kMaxTextBytes) {
    throw std::invalid_argument(
        fmt::format("{}: {} bytes are too many for a config, expected at most {}", builder.name(),
                    text.size(), kMaxTextBytes));
  }
  if (const YamlMistake mistake = mistake_before_parsing(text); !mistake.what.empty())
    throw std::invalid_argument(builder.where(mistake.at) + ": " + mistake.what);
  const std::string content(text);
  try {
    std::istringstream stream(content);
    YAML::Parser parser(stream);
    DocumentCounter counter;
    while (counter.documents < 2 && parser.HandleNextDocument(counter)) {
    }
    if (counter.documents > 1) {
      const std::string where = builder.where(counter.second.value_or(YAML::Mark()));
      throw std::invalid_argument(fmt::format(
          "{}: expected one YAML document, got 2 (or a comma that belongs to no list)", where));
    }
    return YAML::Load(content);
  } catch (const YAML::Exception& error) {
    const YamlMistake mistake = mistake_of_parsing(text, TreeBuilder::place(error.mark), error.msg);
    throw std::invalid_argument(builder.where(mistake.at) + ": " + mistake.what);
  }
}

}  // namespace

YamlNode::YamlNode() = default;
YamlNode::YamlNode(const YamlNode& other) = default;
YamlNode::YamlNode(YamlNode&& other) noexcept = default;
YamlNode& YamlNode::operator=(const YamlNode& other) = default;
YamlNode& YamlNode::operator=(YamlNode&& other) noexcept = default;
YamlNode::~YamlNode() = default;

YamlNode* YamlNode::find(std::string_view key) {
  for (auto& [name, value] : entries) {
    if (name.scalar == key) return &value;
  }
  return nullptr;
}

std::string YamlNode::description() const {
  switch (kind) {
    case Kind::kNull: return "nothing";
    case Kind::kList: return fmt::format("a list of {}", items.size());
    case Kind::kMap: return "a section";
    case Kind::kScalar: break;
  }
  const std::string shown = scalar.size() > 60 ? scalar.substr(0, 57) + "..." : scalar;
  return quoted ? fmt::format("the text \"{}\"", shown) : shown;
}

YamlNode parse_yaml(std::string_view text, const std::string& name) {
  TreeBuilder builder(name, text);
  YamlNode root = builder.build(load(text, builder), 0);
  if (root.kind == YamlNode::Kind::kNull) root.where = name + ":1:1";
  return root;
}

void apply_override(YamlNode& root, const std::string& override_text) {
  const std::string where = "--set " + override_text;
  const size_t equals = override_text.find('=');
  if (equals == std::string::npos || equals == 0)
    throw std::invalid_argument(fmt::format("{}: expected key.path=value", where));

  const std::string path = override_text.substr(0, equals);
  if (static_cast<size_t>(std::count(path.begin(), path.end(), '.')) >= kMaxPathParts) {
    throw std::invalid_argument(fmt::format(
        "--set {:.60}...: the key has over {} parts, expected section.key", path, kMaxPathParts));
  }
  const std::string value_text = override_text.substr(equals + 1);
  TreeBuilder builder(where, value_text);
  builder.use_name_alone();
  YamlNode value = builder.build(load(value_text, builder), 0);
  value.where = where;
  if (value.kind == YamlNode::Kind::kNull &&
      override_text.size() == equals + 1) {  // "--set key=" means the empty text
    value.kind = YamlNode::Kind::kScalar;
    value.quoted = true;
  }

  YamlNode* node = &root;
  for (size_t begin = 0; begin <= path.size();) {
    const size_t end = std::min(path.find('.', begin), path.size());
    const std::string part = path.substr(begin, end - begin);
    begin = end + 1;
    if (node->kind == YamlNode::Kind::kNull) {
      node->kind = YamlNode::Kind::kMap;
      node->where = where;
    }
    if (node->kind != YamlNode::Kind::kMap) {
      throw std::invalid_argument(fmt::format("{}: \"{}\" lies in no section: {} holds {}", where,
                                              part, node->where, node->description()));
    }
    YamlNode* next = node->find(part);
    if (next == nullptr) {
      YamlNode key;
      key.kind = YamlNode::Kind::kScalar;
      key.scalar = part;
      key.where = where;
      node->entries.emplace_back(std::move(key), YamlNode{});
      next = &node->entries.back().second;
      next->where = where;
    }
    node = next;
  }
  *node = std::move(value);
}

}  // namespace candor::launch
