// Reads one number at a place of a folded text (folded_text.h), in the ways in which people, LaTeX
// and programs write it.
//
// A decimal (decimal_reading.h) and what makes one number with it: an exponent ("1.5e3"), a power
// ("2^5", "10^{-2}"), "x 10^n", sqrt and pi, "3/4" and \frac as quotients, a proper fraction behind
// a whole number ("1 1/2"), and words like million
// ("$2.5m" has one too).
// A number beyond a double's range, and a \frac or \sqrt of anything but numbers, is NaN and so
// equals nothing.
#pragma once

#include <string_view>

namespace candor::data {

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
