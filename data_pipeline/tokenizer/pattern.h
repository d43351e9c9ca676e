// A regular expression of a tokenizer.json, matched by PCRE2 with the Unicode classes of Oniguruma,
// which Hugging Face's `tokenizers` uses.
//
// Thread-safe once constructed. Texts must be valid UTF-8.
// Known difference: properties are those of PCRE2's Unicode version (14 in 10.42), so younger
// letters and digits are taken for symbols.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

struct pcre2_real_code_8;

namespace candor::data {

struct ByteRange {
  std::size_t begin = 0, end = 0;
};

// Characters that \s and \w stand for, to be written inside brackets. \s is White_Space (PCRE2's
// own has U+180E too); \w is alphabetic characters, marks, decimal digits and connectors (PCRE2's
// own lacks marks).
extern const char* const kSpaceClass;
extern const char* const kWordClass;

class Pattern {
 public:
  enum class Kind { kRegex, kLiteral };

  // Throws std::invalid_argument with the pattern, the position and PCRE2's message if it isn't a
  // pattern PCRE2 knows.
  explicit Pattern(std::string_view pattern, Kind kind = Kind::kRegex);

  // Every match from left to right, without overlap; an empty match right after another one isn't
  // counted.
  // Throws std::invalid_argument if PCRE2 gives up on the text.
  std::vector<ByteRange> find_all(std::string_view text) const;

 private:
  std::shared_ptr<pcre2_real_code_8> code_;
};

}  // namespace candor::data
