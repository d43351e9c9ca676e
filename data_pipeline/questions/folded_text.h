// The text of an answer without what only writes it differently: the one form that all graders
// read. It has no capital letters (case folding: ß is ss), no full-width, subscript or ligature
// forms (NFKC), letters composed with their accents (NFC), no invisible characters, and decimal
// digits of every script as 0 to 9.
//
// Where NFKC would lose a meaning it isn't followed: a superscript number is a power ("10²" becomes
// "10^2"), "5½" becomes "5 1/2", and spaces that don't break or are narrow stay apart from others
// (as U+00A0), because they group digits. Hyphens, minus signs and en dashes all become "-".
// A byte that isn't UTF-8 becomes U+FFFD.
#pragma once

#include <string>
#include <string_view>

namespace candor::data {

constexpr char32_t kGroupSpace = 0xA0;

std::u32string folded_text(std::string_view text);

std::string utf8_of(std::u32string_view text);

// By Unicode's categories, of any script.
bool is_letter(char32_t c);
bool is_word_character(char32_t c);  // letters, their marks, and numbers
bool is_currency(char32_t c);
inline bool is_digit(char32_t c) { return c >= U'0' && c <= U'9'; }  // of a folded text
// 0 behind the text.
inline char32_t char_at(std::u32string_view text, size_t i) {
  return i < text.size() ? text[i] : 0;
}
inline bool digit_at(std::u32string_view text, size_t i) { return is_digit(char_at(text, i)); }
inline size_t digits_end(std::u32string_view text, size_t i) {
  while (digit_at(text, i)) ++i;
  return i;
}
inline bool has_at(std::u32string_view text, size_t i, std::u32string_view part) {
  return i < text.size() && text.substr(i).starts_with(part);
}
inline bool is_space(char32_t c) { return c == U' ' || c == kGroupSpace || (c >= 9 && c <= 13); }

}  // namespace candor::data
