#include "data_pipeline/tokenizer/pre_tokenizer.h"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>
#include <string>

namespace candor::data {
namespace {

using nlohmann::json;

constexpr const char* kGpt2Pattern =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

[[noreturn]] void unsupported(const std::string& what) {
  throw std::invalid_argument(fmt::format(
      "pre_tokenizer: {}; read are Sequence, Split, Digits and, as the last one, ByteLevel", what));
}

struct Part {
  ByteRange range;
  bool is_delimiter;
};

// The parts are the matches in the piece and what is between them, in order and without gaps.
std::vector<Part> parts_of(const Pattern& pattern, bool invert, std::string_view text,
                           ByteRange piece) {
  std::vector<Part> parts;
  std::size_t previous_end = piece.begin;
  for (const ByteRange match :
       pattern.find_all(text.substr(piece.begin, piece.end - piece.begin))) {
    if (previous_end < piece.begin + match.begin)
      parts.push_back({{previous_end, piece.begin + match.begin}, invert});
    previous_end = piece.begin + match.end;
    parts.push_back({{piece.begin + match.begin, previous_end}, !invert});
  }
  if (previous_end < piece.end) parts.push_back({{previous_end, piece.end}, invert});
  return parts;
}

// Each part is merged into the one before it where merges(that is a delimiter, this is one) holds.
template <class Merges>
void append_merged(const std::vector<Part>& parts, std::vector<ByteRange>& pieces,
                   const Merges& merges) {
  const std::size_t first = pieces.size();
  bool before = false;
  for (const Part& part : parts) {
    if (pieces.size() > first && merges(before, part.is_delimiter))
      pieces.back().end = part.range.end;
    else
      pieces.push_back(part.range);
    before = part.is_delimiter;
  }
}

// This goes from the last part to the first, so that of several delimiters only the last is merged.
void append_merged_with_next(const std::vector<Part>& parts, std::vector<ByteRange>& pieces) {
  const std::size_t first = pieces.size();
  bool next = false;
  for (auto part = parts.rbegin(); part != parts.rend(); ++part) {
    if (part->is_delimiter && !next && pieces.size() > first)
      pieces.back().begin = part->range.begin;
    else
      pieces.push_back(part->range);
    next = part->is_delimiter;
  }
  std::reverse(pieces.begin() + static_cast<std::ptrdiff_t>(first), pieces.end());
}

}  // namespace

PreTokenizer::PreTokenizer(const json& description) {
  if (description.is_null()) unsupported("there is none (null)");
  add(description);
  if (!has_byte_level_) unsupported("ByteLevel is missing");
}

void PreTokenizer::add(const json& description) {
  const auto type = description.at("type").get<std::string>();
  if (has_byte_level_) unsupported(fmt::format("\"{}\" comes after ByteLevel", type));
  if (type == "Sequence") {
    for (const json& step : description.at("pretokenizers")) add(step);
  } else if (type == "Split") {
    add_split(description);
  } else if (type == "Digits") {
    const bool individual = description.value("individual_digits", false);
    steps_.push_back(
        {Pattern(R"(\p{N})"), individual ? Behaviour::kIsolated : Behaviour::kContiguous, false});
  } else if (type == "ByteLevel") {
    add_byte_level(description);
  } else {
    unsupported(fmt::format("\"{}\" isn't read", type));
  }
}

void PreTokenizer::add_split(const json& description) {
  const json& pattern = description.at("pattern");
  const auto behaviour_name = description.at("behavior").get<std::string>();
  const std::pair<const char*, Behaviour> names[] = {
      {"Removed", Behaviour::kRemoved},
      {"Isolated", Behaviour::kIsolated},
      {"MergedWithPrevious", Behaviour::kMergedWithPrevious},
      {"MergedWithNext", Behaviour::kMergedWithNext},
      {"Contiguous", Behaviour::kContiguous}};
  const auto* const behaviour =
      std::find_if(std::begin(names), std::end(names),
                   [&](const auto& name) { return behaviour_name == name.first; });
  if (behaviour == std::end(names))
    unsupported(fmt::format("Split with behavior \"{}\" isn't read", behaviour_name));
  const bool invert = description.value("invert", false);
  if (pattern.contains("Regex")) {
    steps_.push_back({Pattern(pattern.at("Regex").get<std::string>()), behaviour->second, invert});
  } else if (pattern.contains("String")) {
    const auto literal = pattern.at("String").get<std::string>();
    if (literal.empty()) unsupported("Split with an empty String isn't read");
    steps_.push_back({Pattern(literal, Pattern::Kind::kLiteral), behaviour->second, invert});
  } else {
    unsupported(
        fmt::format("Split with pattern {} isn't read (Regex and String are)", pattern.dump()));
  }
}

void PreTokenizer::add_byte_level(const json& description) {
  has_byte_level_ = true;
  add_prefix_space_ = description.value("add_prefix_space", true);
  if (description.value("use_regex", true)) byte_level_pattern_.emplace(kGpt2Pattern);
}

void PreTokenizer::split(const SplitStep& step, std::string_view text, ByteRange piece,
                         std::vector<ByteRange>& pieces) {
  const std::vector<Part> parts = parts_of(step.pattern, step.invert, text, piece);
  const std::size_t first = pieces.size();
  switch (step.behaviour) {
    case Behaviour::kIsolated:
      for (const Part& part : parts) pieces.push_back(part.range);
      break;
    case Behaviour::kRemoved:
      for (const Part& part : parts) {
        if (!part.is_delimiter) pieces.push_back(part.range);
      }
      break;
    case Behaviour::kContiguous:
      append_merged(parts, pieces, [](bool before, bool part) { return part == before; });
      break;
    case Behaviour::kMergedWithPrevious:
      append_merged(parts, pieces, [](bool before, bool part) { return part && !before; });
      break;
    case Behaviour::kMergedWithNext: append_merged_with_next(parts, pieces); break;
  }
  const auto is_empty = [](ByteRange range) { return range.begin == range.end; };
  pieces.erase(
      std::remove_if(pieces.begin() + static_cast<std::ptrdiff_t>(first), pieces.end(), is_empty),
      pieces.end());
}

void PreTokenizer::for_each_word(std::string_view text,
                                 const std::function<void(const Word&)>& take) const {
  if (text.empty()) return;
  std::vector<ByteRange> pieces{{0, text.size()}}, next;
  for (const SplitStep& step : steps_) {
    next.clear();
    for (const ByteRange piece : pieces) split(step, text, piece, next);
    pieces.swap(next);
  }
  std::string prefixed;
  for (const ByteRange piece : pieces) {
    std::string_view content = text.substr(piece.begin, piece.end - piece.begin);
    auto begin = static_cast<std::ptrdiff_t>(piece.begin);
    if (add_prefix_space_ && content.front() != ' ') {
      prefixed.assign(1, ' ');
      prefixed += content;
      content = prefixed;
      --begin;
    }
    if (!byte_level_pattern_) {
      take({content, begin, piece.begin});
      continue;
    }
    // The pattern leaves nothing out: what is neither space, letter nor number is its third kind.
    for (const ByteRange word : byte_level_pattern_->find_all(content)) {
      take({content.substr(word.begin, word.end - word.begin),
            begin + static_cast<std::ptrdiff_t>(word.begin), piece.begin});
    }
  }
}

}  // namespace candor::data
