#include "data_pipeline/questions/number_reading.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <numbers>
#include <optional>
#include <string>
#include <system_error>

#include "data_pipeline/questions/decimal_reading.h"
#include "data_pipeline/questions/folded_text.h"

namespace candor::data {
namespace {

using Text = std::u32string_view;

constexpr double kNothing = std::numeric_limits<double>::quiet_NaN();
constexpr double kLargestExponent = 1e6;  // far beyond a double's
constexpr size_t kLongestArgument = 1000;
constexpr int kDeepest = 8;  // a \frac in a \frac

// not strtod: the locale has no say
double value_of(const std::string& digits) {
  double value = 0;
  const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  return read.ec == std::errc() ? value : kNothing;
}

// None where it is too far away for an argument, so that a long text of open braces takes no time.
size_t closing_brace(Text text, size_t open) {
  int depth = 0;
  for (size_t i = open; i < std::min(text.size(), open + kLongestArgument); ++i) {
    if (text[i] == U'{') ++depth;
    if (text[i] == U'}' && --depth == 0) return i;
  }
  return Text::npos;
}

size_t fraction_command_end(Text text, size_t i) {
  for (const Text command : {U"\\frac", U"\\dfrac", U"\\tfrac", U"\\cfrac"}) {
    if (has_at(text, i, command) && !is_letter(char_at(text, i + command.size())))
      return i + command.size();
  }
  return i;
}

size_t pi_end(Text text, size_t i) {
  const bool in_word = i > 0 && is_letter(char_at(text, i - 1));
  return !in_word && has_word_at(text, i, U"\u03c0") ? i + 1
         : has_word_at(text, i, U"\\pi")             ? i + 3
                                                     : i;
}

size_t root_end(Text text, size_t i) {
  return char_at(text, i) == U'\u221a' ? i + 1 : has_word_at(text, i, U"\\sqrt") ? i + 5 : i;
}

struct Exponent {
  int value = 0;
  size_t end = 0;
};

// "4", "{-2}" or "+4" at i; nothing else.
std::optional<Exponent> read_exponent(Text text, size_t i) {
  const bool braces = char_at(text, i) == U'{';
  size_t begin = braces ? after_space(text, i + 1) : i;
  const bool negative = char_at(text, begin) == U'-';
  if (negative || char_at(text, begin) == U'+') ++begin;
  size_t end = digits_end(text, begin);
  if (end == begin) return std::nullopt;
  const double value =
      std::min(value_of(utf8_of(text.substr(begin, end - begin))), kLargestExponent);
  if (braces) {
    end = after_space(text, end);
    if (char_at(text, end) != U'}') return std::nullopt;
    ++end;
  }
  return Exponent{.value = static_cast<int>(negative ? -value : value), .end = end};
}

// A factor of a number while it is read. Powers of ten are kept apart until the end, so that 7
// times 10^-2 is 0.07 to the last bit.
struct Factor {
  std::u32string decimal{};  // digits with a point; empty: `number` has the value
  double number = 0;
  int tens = 0;
  size_t end = 0;

  double value() const {
    if (decimal.empty()) return number * std::pow(10.0, tens);
    return value_of(utf8_of(decimal) + "e" + std::to_string(tens));
  }
  bool is_whole() const {
    return !decimal.empty() && tens == 0 && decimal.find(U'.') == Text::npos;
  }
  void become(double new_number, size_t new_end) {
    *this = {.decimal = {}, .number = new_number, .tens = 0, .end = new_end};
  }
};

class NumberReader {
 public:
  explicit NumberReader(Text text, int depth = 0) : text_(text), depth_(depth) {}

  NumberRead read(size_t begin) const {
    Factor read = factor(begin);
    if (!add_fraction(read) && (begin == 0 || text_[begin - 1] != U'/')) divide(read);
    multiply_by_words(begin, read);
    return {.value = read.value(), .end = read.end};
  }

 private:
  Factor factor(size_t begin) const {
    Factor read = root_or_pi(begin);
    if (read.end > begin) return read;
    if (const size_t arguments = fraction_command_end(text_, begin); arguments > begin) {
      read = fraction(arguments);
    } else {
      read = decimal(begin);
      raise(read);
      multiply_by_power_of_ten(read);
    }
    const size_t next = after_space(text_, read.end);
    const Factor behind = root_or_pi(next);
    if (behind.end > next) read.become(read.value() * behind.number, behind.end);
    return read;
  }

  Factor decimal(size_t begin) const {
    const DecimalDigits digits = read_decimal_digits(text_, begin);
    Factor read{.decimal = digits.digits, .end = digits.end};
    if (char_at(text_, read.end) == U'e') {
      if (const auto exponent = read_exponent(text_, read.end + 1);
          exponent && char_at(text_, read.end + 1) != U'{') {
        read.tens = exponent->value;
        read.end = exponent->end;
      }
    }
    return read;
  }

  // "^3" behind a number.
  void raise(Factor& read) const {
    if (char_at(text_, read.end) != U'^') return;
    const auto exponent = read_exponent(text_, read.end + 1);
    if (exponent) read.become(std::pow(read.value(), exponent->value), exponent->end);
  }

  void multiply_by_power_of_ten(Factor& read) const {
    const size_t sign = after_space(text_, read.end);
    for (const Text times : {U"\\times", U"\\cdot", U"\u00d7", U"\u00b7", U"\u22c5", U"x", U"*"}) {
      if (!has_at(text_, sign, times)) continue;
      const size_t ten = after_space(text_, sign + times.size());
      if (!has_at(text_, ten, U"10^")) continue;
      if (const auto exponent = read_exponent(text_, ten + 3)) {
        read.tens += exponent->value;
        read.end = exponent->end;
      }
      return;
    }
  }

  // A text that is a number as a whole.
  double whole_number(Text text) const {
    size_t begin = after_space(text, 0);
    const bool negative = char_at(text, begin) == U'-';
    if (negative || char_at(text, begin) == U'+') ++begin;
    if (depth_ > kDeepest || !starts_number(text, begin)) return kNothing;
    const NumberRead read = NumberReader(text, depth_ + 1).read(begin);
    if (after_space(text, read.end) != text.size()) return kNothing;
    return negative ? -read.value : read.value;
  }

  // Of a LaTeX command: in braces, or one digit.
  NumberRead argument(size_t begin) const {
    const size_t open = after_space(text_, begin);
    if (digit_at(text_, open))
      return {.value = static_cast<double>(text_[open] - U'0'), .end = open + 1};
    const size_t close = char_at(text_, open) == U'{' ? closing_brace(text_, open) : Text::npos;
    if (close == Text::npos) return {.value = kNothing, .end = begin};
    return {.value = whole_number(text_.substr(open + 1, close - open - 1)), .end = close + 1};
  }

  Factor fraction(size_t arguments) const {
    const NumberRead above = argument(arguments), below = argument(above.end);
    return {.number = below.value == 0 ? kNothing : above.value / below.value, .end = below.end};
  }

  // Its end is `begin` if neither is there.
  Factor root_or_pi(size_t begin) const {
    if (const size_t end = pi_end(text_, begin); end > begin)
      return {.number = std::numbers::pi, .end = end};
    const size_t below = root_end(text_, begin);
    if (below == begin) return {.end = begin};
    if (text_[begin] != U'\\' && digit_at(text_, below)) {
      const Factor read = decimal(below);
      return {.number = std::sqrt(read.value()), .end = read.end};
    }
    const NumberRead read = argument(below);
    return {.number = std::sqrt(read.value), .end = read.end};
  }

  // "1 1/2" and "1\frac{1}{2}": a whole number and a proper fraction.
  bool add_fraction(Factor& read) const {
    if (!read.is_whole()) return false;
    const double whole = read.value();
    const size_t begin = after_space(text_, read.end);
    if (const size_t arguments = fraction_command_end(text_, begin); arguments > begin) {
      const NumberRead above = argument(arguments), below = argument(above.end);
      if (!(above.value > 0 && above.value < below.value)) return false;
      read.become((whole * below.value + above.value) / below.value, below.end);
      return true;
    }
    const size_t slash = digits_end(text_, begin), end = digits_end(text_, slash + 1);
    if (begin != read.end + 1 || slash == begin || char_at(text_, slash) != U'/' ||
        end == slash + 1)
      return false;
    const double above = value_of(utf8_of(text_.substr(begin, slash - begin))),
                 below = value_of(utf8_of(text_.substr(slash + 1, end - slash - 1)));
    const char32_t behind = char_at(text_, end);
    if (!(above > 0 && above < below) || behind == U'/' || behind == U'.') return false;
    read.become((whole * below + above) / below, end);
    return true;
  }

  // "3/4" is a quotient, "3/4/2020" and "3/0" aren't.
  void divide(Factor& read) const {
    const size_t slash = after_space(text_, read.end), begin = after_space(text_, slash + 1);
    if (char_at(text_, slash) != U'/' || !starts_number(text_, begin)) return;
    const Factor below = factor(begin);
    if (below.value() == 0 || char_at(text_, below.end) == U'/') return;
    read.become(read.value() / below.value(), below.end);
  }

  // Million and the like; after a currency sign also in short.
  void multiply_by_words(size_t begin, Factor& read) const {
    struct Scale {
      Text word;
      int tens;
      bool of_money = false;
    };
    static constexpr std::array kScales{
        Scale{U"hundred", 2},      Scale{U"thousand", 3}, Scale{U"million", 6},
        Scale{U"billion", 9},      Scale{U"bn", 9},       Scale{U"trillion", 12},
        Scale{U"quadrillion", 15}, Scale{U"lakh", 5},     Scale{U"crore", 7},
        Scale{U"k", 3, true},      Scale{U"m", 6, true},  Scale{U"mn", 6, true},
        Scale{U"b", 9, true},      Scale{U"tn", 12, true}};
    const bool is_money = begin > 0 && is_currency(text_[begin - 1]);
    for (bool found = true; found;) {
      found = false;
      size_t i = after_space(text_, char_at(text_, read.end) == U'-' ? read.end + 1 : read.end);
      if (has_at(text_, i, U"\\text{")) i = after_space(text_, i + 6);
      for (const Scale& scale : kScales) {
        const size_t end = i + scale.word.size();
        const bool in_plural = has_at(text_, i, scale.word) && char_at(text_, end) == U's' &&
                               scale.word.size() > 2 && !is_letter(char_at(text_, end + 1));
        if ((scale.of_money && !is_money) || !(in_plural || has_word_at(text_, i, scale.word)))
          continue;
        read.tens += scale.tens;
        read.end = in_plural ? end + 1 : end;
        found = true;
      }
    }
    const size_t i = after_space(text_, read.end);
    if (has_word_at(text_, i, U"dozen")) read.become(read.value() * 12, i + 5);
  }

  Text text_;
  int depth_;
};

}  // namespace

size_t after_space(Text text, size_t i) {
  for (;;) {
    if (i < text.size() && (text[i] == U' ' || text[i] == kGroupSpace || text[i] == U'\t'))
      ++i;
    else if (has_at(text, i, U"\\,") || has_at(text, i, U"\\ ") || has_at(text, i, U"\\;") ||
             has_at(text, i, U"\\!") || has_at(text, i, U"\\:"))
      i += 2;
    else
      return i;
  }
}

bool has_word_at(Text text, size_t i, Text word) {
  return has_at(text, i, word) && !is_letter(char_at(text, i + word.size()));
}

bool starts_number(Text text, size_t i) {
  return digit_at(text, i) || (char_at(text, i) == U'.' && digit_at(text, i + 1)) ||
         fraction_command_end(text, i) > i || root_end(text, i) > i || pi_end(text, i) > i;
}

NumberRead read_number(Text text, size_t begin) { return NumberReader(text).read(begin); }

bool is_negative(Text text, size_t begin) {
  const auto before = [&](size_t i) { return i > 0 ? text[i - 1] : 0; };
  size_t i = begin;
  if (is_currency(before(i))) i -= before(i - 1) == U'\\' ? 2 : 1;
  if (before(i) != U'-') return false;
  const char32_t previous = before(i - 1);
  return previous != U'%' && previous != U')' && previous != U']' && previous != U'}' &&
         !is_word_character(previous);
}

}  // namespace candor::data
