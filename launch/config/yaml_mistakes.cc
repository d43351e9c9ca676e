#include "launch/config/yaml_mistakes.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <vector>

namespace candor::launch {
namespace {

using namespace std::string_view_literals;

struct FileKind {
  std::string_view begins_with;
  const char* description;
};

constexpr std::array kFileKinds = {FileKind{"\x1f\x8b"sv, "packed by gzip; unpack it with gunzip"},
                                   FileKind{"\x28\xb5\x2f\xfd"sv, "packed by zstd; unpack it"},
                                   FileKind{"\xfd"
                                            "7zXZ\0"sv,
                                            "packed by xz; unpack it"},
                                   FileKind{"BZh"sv, "packed by bzip2; unpack it"},
                                   FileKind{"PK\x03\x04"sv, "a zip archive; unpack it"},
                                   FileKind{"\x89HDF"sv, "an HDF5 file"},
                                   FileKind{"GGUF"sv, "a GGUF model"},
                                   FileKind{"%PDF"sv, "a PDF document"}};

bool has_utf16_mark(std::string_view text) {
  return text.starts_with("\xff\xfe"sv) || text.starts_with("\xfe\xff"sv);
}

TextPlace place_of(std::string_view text, size_t position) {
  const std::string_view before = text.substr(0, position);
  const size_t line_start = before.rfind('\n');
  return {.line = static_cast<size_t>(std::count(before.begin(), before.end(), '\n')),
          .column = line_start == std::string_view::npos ? position : position - line_start - 1};
}

std::string_view line_of(std::string_view text, size_t number) {
  for (size_t i = 0; i < number; ++i) {
    const size_t end = text.find('\n');
    if (end == std::string_view::npos) return {};
    text.remove_prefix(end + 1);
  }
  std::string_view line = text.substr(0, text.find('\n'));
  while (!line.empty() && (line.back() == '\r' || line.back() == ' ')) line.remove_suffix(1);
  return line;
}

bool is_json_object_line(std::string_view line) {
  return line.starts_with("{\"") && line.ends_with('}');
}

// Nothing where the line's indentation has no tab.
size_t tab_in_indentation(std::string_view line) {
  const size_t indentation = std::min(line.find_first_not_of(" \t"), line.size());
  return std::min(line.substr(0, indentation).find('\t'), line.size());
}

std::string advice_for(const std::string& message, char stopped_at) {
  if (message == "illegal map value") {
    return "; a text with a colon and a space in it has to be in double quotes, and the keys of a "
           "section begin in one column";
  }
  if (message == "end of map not found")
    return "; the keys of a section begin in one column, and a ' in single quotes is written twice";
  if (message == "unknown token" || message == "the referenced anchor is not defined")
    return fmt::format("; a text that begins with {} has to be in double quotes", stopped_at);
  return "";
}

// yaml-cpp stops at the tab itself, behind it in the same line, or in the line after.
const size_t kLinesBackToATab = 1;

}  // namespace

YamlMistake mistake_before_parsing(std::string_view text) {
  for (const FileKind& kind : kFileKinds) {
    if (text.starts_with(kind.begins_with))
      return {.at = {}, .what = fmt::format("expected YAML, got {}", kind.description)};
  }
  const size_t nul = has_utf16_mark(text) ? std::string_view::npos : text.find('\0');
  if (nul != std::string_view::npos) {
    return {.at = place_of(text, nul),
            .what =
                "expected YAML in UTF-8, got a NUL byte: the file is binary, was cut by a "
                "crash, or is UTF-16 (save it as UTF-8)"};
  }
  if (is_json_object_line(line_of(text, 0)) && is_json_object_line(line_of(text, 1))) {
    return {.at = {},
            .what = "expected a YAML document, got JSON lines; is that a file of questions?"};
  }
  return {};
}

YamlMistake mistake_of_parsing(std::string_view text, TextPlace at, const std::string& message) {
  const std::string_view line = line_of(text, at.line);
  const char stopped_at = at.column < line.size() ? line[at.column] : '\n';
  if (stopped_at == '?') {
    return {.at = at,
            .what = "not YAML: a ? inside braces or brackets; put the text in double quotes"};
  }
  if (message.starts_with("end of map flow") || message.starts_with("end of sequence flow")) {
    return {.at = at,
            .what = fmt::format("not YAML: {}; a brace or bracket isn't closed, or a text between "
                                "them has to be in double quotes",
                                message)};
  }
  for (size_t back = 0; back <= std::min(kLinesBackToATab, at.line); ++back) {
    const std::string_view nearby = line_of(text, at.line - back);
    const size_t tab = tab_in_indentation(nearby);
    if (tab < nearby.size()) {
      return {.at = {.line = at.line - back, .column = tab},
              .what = "not YAML: a tab in the indentation, where only spaces may stand"};
    }
  }
  return {.at = at, .what = "not YAML: " + message + advice_for(message, stopped_at)};
}

}  // namespace candor::launch
