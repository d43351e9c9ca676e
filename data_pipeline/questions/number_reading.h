// Reads one number at a place of a folded text (folded_text.h), in the ways in which people, LaTeX
// and programs write it.
//
// Thousands: groups of three digits behind one kind of separator: a comma, "{,}", "\,", an
// apostrophe, "_" or a space that doesn't break; a plain space or a point only where two groups
// follow or decimals behind a comma. Indian groups ("15,00,000") too.
// Decimals: a point; a comma where it can't be a list or a thousands separator ("2,5", not "1,2,3",
// "(2,5)" or "2023,100").
// Further parts: an exponent ("1.5e3"), a power ("2^5", "10^{-2}"), "x 10^n", sqrt and pi, "3/4"
// and \frac as quotients, a proper fraction behind a whole number ("1 1/2"), and words like million
// ("$2.5m" has one too).
// A number beyond a double's range, and a \frac or \sqrt of anything but numbers, is NaN and so
// equals nothing.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace candor::data {

struct GroupingRules {
  bool one_group_after_a_space = false;  // "1 000" is a thousand, and not 1 and 0
};

struct GroupedDigits {
  std::u32string digits;   // without separators
  size_t end = 0;          // in the text
  char32_t separator = 0;  // the first character of the separator; 0 for none
};

// Of a text that has a digit at `begin`.
GroupedDigits read_grouped_digits(std::u32string_view text, size_t begin,
                                  const GroupingRules& rules = {});

struct NumberRead {
  double value = 0;
  size_t end = 0;
};

bool starts_number(std::u32string_view text, size_t at);

// Of a text in which a number starts at `begin`; without its sign.
NumberRead read_number(std::u32string_view text, size_t begin);

// Whether a minus stands right before the number or its currency sign. One that joins two words or
// numbers is none: "10-12", "$10-$12", "COVID-19".
bool is_negative(std::u32string_view text, size_t number_begin);

// Whether `words` stand at `at` and no letter follows.
bool has_word_at(std::u32string_view text, size_t at, std::u32string_view word);

size_t after_space(std::u32string_view text, size_t at);

}  // namespace candor::data
