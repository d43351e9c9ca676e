#include "data_pipeline/questions/folded_text.h"

#include <utf8proc.h>

#include <array>
#include <cstdlib>
#include <optional>

namespace candor::data {
namespace {

utf8proc_category_t category(char32_t c) {
  return utf8proc_category(static_cast<utf8proc_int32_t>(c));
}

std::u32string decoded(std::string_view text) {
  std::u32string result;
  const auto* bytes = reinterpret_cast<const utf8proc_uint8_t*>(text.data());
  auto left = static_cast<utf8proc_ssize_t>(text.size());
  while (left > 0) {
    utf8proc_int32_t code = 0;
    utf8proc_ssize_t used = utf8proc_iterate(bytes, left, &code);
    if (used < 1) {
      used = 1;
      code = 0xFFFD;
    }
    result += static_cast<char32_t>(code);
    bytes += used;
    left -= used;
  }
  return result;
}

// NFC of valid text.
std::string composed(const std::string& text) {
  utf8proc_uint8_t* mapped = nullptr;
  const utf8proc_ssize_t length =
      utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
                   static_cast<utf8proc_ssize_t>(text.size()), &mapped,
                   static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE));
  std::string result =
      length < 0 ? text
                 : std::string(reinterpret_cast<const char*>(mapped), static_cast<size_t>(length));
  std::free(mapped);
  return result;
}

// The character that a superscript digit or sign raises; 0 for any other.
char32_t raised(char32_t c) {
  switch (c) {
    case 0xB9: return U'1';
    case 0xB2: return U'2';
    case 0xB3: return U'3';
    case 0x207A: return U'+';
    case 0x207B: return U'-';
    default: return c == 0x2070 || (c >= 0x2074 && c <= 0x2079) ? U'0' + (c - 0x2070) : 0;
  }
}

// What stands for one character where NFKC and case folding don't say it.
std::optional<char32_t> replacement(char32_t c) {
  switch (c) {
    case 0x2010:  // hyphen
    case 0x2011:  // one that doesn't break
    case 0x2012:  // figure dash
    case 0x2013:  // en dash
    case 0x2212:  // minus
    case 0xFE63:
    case 0xFF0D: return U'-';
    case 0x2018:
    case 0x2019:
    case 0x02BC: return U'\'';
    case 0x00A0:
    case 0x2007:
    case 0x2008:
    case 0x2009:
    case 0x200A:
    case 0x202F: return kGroupSpace;
    case 0x00A9:  // (c), (R), TM, SM
    case 0x00AE:
    case 0x2122:
    case 0x2120: return U' ';
    case 0x0130: return U'i';
    case 0x266F: return U'#';  // the sharp of music
    case 0x066B: return U'.';  // the Arabic decimal and thousands separators
    case 0x066C: return U',';
    case 0x2044: return U'/';
    default: break;
  }
  if (category(c) != UTF8PROC_CATEGORY_ND) return std::nullopt;
  // Decimal digits lie in runs of ten, zero first.
  char32_t first = c;
  while (category(first - 1) == UTF8PROC_CATEGORY_ND) --first;
  return U'0' + (c - first) % 10;
}

void append_compatible(char32_t c, std::u32string& result) {
  std::array<utf8proc_int32_t, 32> codes{};
  int boundary = 0;
  const utf8proc_ssize_t count = utf8proc_decompose_char(
      static_cast<utf8proc_int32_t>(c), codes.data(), codes.size(),
      static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT |
                                     UTF8PROC_CASEFOLD | UTF8PROC_IGNORE),
      &boundary);
  if (count < 0 || count > static_cast<utf8proc_ssize_t>(codes.size())) {
    result += c;
    return;
  }
  std::u32string parts;
  bool is_fraction = false;
  for (utf8proc_ssize_t i = 0; i < count; ++i) {
    const auto part = static_cast<char32_t>(codes[static_cast<size_t>(i)]);
    is_fraction = is_fraction || part == 0x2044;
    parts += part == 0x2044 ? U'/' : part;
  }
  // A free-standing accent like ´ is a space with an accent to NFKC.
  if (parts.size() > 1 && parts[0] == U' ') parts = U" ";
  if (is_fraction && !result.empty() && is_digit(result.back())) result += U' ';
  result += parts;
}

// The superscripts from i on, which moves past them: a power if they are a number, else (as in
// Ca²⁺) the characters themselves.
void append_raised(const std::u32string& text, size_t& i, std::u32string& result) {
  std::u32string run;
  while (i < text.size() && raised(text[i]) != 0) run += raised(text[i++]);
  const size_t digits = run.find_first_of(U"0123456789");
  const bool is_number = digits <= 1 && run.find_first_of(U"+-", 1) == std::u32string::npos;
  if (is_number) result += U'^';
  result += run;
}

}  // namespace

std::string utf8_of(std::u32string_view text) {
  std::string result;
  for (const char32_t c : text) {
    std::array<utf8proc_uint8_t, 4> bytes{};
    const utf8proc_ssize_t length =
        utf8proc_encode_char(static_cast<utf8proc_int32_t>(c), bytes.data());
    result.append(reinterpret_cast<const char*>(bytes.data()), static_cast<size_t>(length));
  }
  return result;
}

bool is_letter(char32_t c) {
  const utf8proc_category_t of = category(c);
  return of >= UTF8PROC_CATEGORY_LU && of <= UTF8PROC_CATEGORY_LO;
}

bool is_word_character(char32_t c) {
  const utf8proc_category_t of = category(c);
  return of >= UTF8PROC_CATEGORY_LU && of <= UTF8PROC_CATEGORY_NO;
}

bool is_currency(char32_t c) { return category(c) == UTF8PROC_CATEGORY_SC; }

std::u32string folded_text(std::string_view text) {
  const std::u32string original = decoded(text);
  std::u32string folded;
  for (size_t i = 0; i < original.size();) {
    const char32_t c = original[i];
    if (raised(c) != 0) {
      append_raised(original, i, folded);
      continue;
    }
    if (const std::optional<char32_t> other = replacement(c))
      folded += *other;
    else
      append_compatible(c, folded);
    ++i;
  }
  folded = decoded(composed(utf8_of(folded)));
  // The dot that a capital I with a dot leaves behind.
  for (size_t dot = 0; (dot = folded.find(U"i\u0307", dot)) != std::u32string::npos;)
    folded.erase(dot + 1, 1);
  return folded;
}

}  // namespace candor::data
