// Cuts a Jinja template into text and tokens, white space control (trim_blocks, lstrip_blocks, "-"
// and "+") already applied.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace candor::data::jinja {

struct Token {
  enum class Kind {
    kText,
    kBlockBegin,
    kBlockEnd,
    kVariableBegin,
    kVariableEnd,
    kName,
    kString,
    kInteger,
    kFloat,
    kOperator,
    kEnd
  };
  Kind kind;
  std::string text;
  int line;
};

// Throws std::invalid_argument "chat template, line N: ...".
std::vector<Token> tokenize(std::string_view source);

[[noreturn]] void fail(int line, const std::string& what);

}  // namespace candor::data::jinja
