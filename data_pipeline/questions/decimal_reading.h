// Reads digits with thousands separators and decimals at a place of a folded text (folded_text.h).
//
// Thousands: groups of three digits behind one kind of separator: a comma, "{,}", "\,", an
// apostrophe, "_" or a space that doesn't break; a plain space or a point only where two groups
// follow or decimals behind a comma. Indian groups ("15,00,000") too.
// Decimals: a point; a comma where it can't be a list or a thousands separator ("2,5", not "1,2,3",
// "(2,5)" or "2023,100").
#pragma once

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

struct DecimalDigits {
  std::u32string digits;  // with a point before the decimals
  size_t end = 0;
};

// Of a text that has a digit, or a point and a digit, at `begin`.
DecimalDigits read_decimal_digits(std::u32string_view text, size_t begin);

}  // namespace candor::data
