// What is wrong with a text that isn't YAML, in words that say what to change: yaml-cpp names the
// state of its scanner.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace candor::launch {

// A place in a text, counted from 0.
struct TextPlace {
  size_t line = 0;
  size_t column = 0;
};

struct YamlMistake {
  TextPlace at;
  std::string what;
};

// What is seen before the text is parsed: files packed by gzip and the like, other binary files,
// NUL bytes, and JSON lines. An empty `what`: nothing. UTF-16 with a byte order mark is text.
YamlMistake mistake_before_parsing(std::string_view text);

// What yaml-cpp's `message` at a place most likely means.
YamlMistake mistake_of_parsing(std::string_view text, TextPlace at, const std::string& message);

}  // namespace candor::launch
