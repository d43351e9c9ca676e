#include "data_pipeline/questions/decimal_reading.h"

#include <array>

#include "data_pipeline/questions/folded_text.h"

namespace candor::data {
namespace {

using Text = std::u32string_view;

// Whether the separator and exactly `length` digits stand at i.
bool has_group(Text text, size_t i, Text separator, size_t length) {
  if (!has_at(text, i, separator)) return false;
  const size_t begin = i + separator.size();
  return digits_end(text, begin) == begin + length;
}

struct Separator {
  Text text;
  size_t fewest_groups = 1;
  bool may_a_list_follow = false;  // or else "1,234,56" isn't grouped at all
};

// The end of the groups of three from `first_end` on; first_end if they aren't groups.
size_t groups_end(Text text, size_t first_end, const Separator& separator) {
  size_t end = first_end, groups = 0;
  for (; has_group(text, end, separator.text, 3); ++groups) end += separator.text.size() + 3;
  const size_t behind = end + separator.text.size();
  if (!separator.may_a_list_follow && has_at(text, end, separator.text) && digit_at(text, behind))
    return first_end;
  return groups >= separator.fewest_groups ? end : first_end;
}

size_t indian_groups_end(Text text, size_t first_end, Text separator) {
  size_t end = first_end;
  while (has_group(text, end, separator, 2)) end += separator.size() + 2;
  if (end == first_end || !has_group(text, end, separator, 3)) return first_end;
  end += separator.size() + 3;
  return has_at(text, end, separator) && digit_at(text, end + separator.size()) ? first_end : end;
}

bool decimal_comma_follows(Text text, size_t i) {
  const size_t end = digits_end(text, i + 1);
  return char_at(text, i) == U',' && end > i + 1 && end < i + 4 &&
         !(char_at(text, end) == U',' && digit_at(text, end + 1));
}

GroupedDigits grouped(Text text, size_t begin, size_t end, char32_t separator) {
  GroupedDigits result{.digits = {}, .end = end, .separator = separator};
  for (const char32_t c : text.substr(begin, end - begin)) {
    if (is_digit(c)) result.digits += c;
  }
  return result;
}

bool opens_a_pair(Text text, size_t begin) {
  const char32_t before = begin > 0 ? text[begin - 1] : 0;
  return before == U'(' || before == U'[' ||
         (before == U'{' && begin > 1 && text[begin - 2] == U'\\');
}

// The end of the decimals behind `whole`, and in `decimals` where they begin; whole.end if there
// are none.
size_t decimals_end(Text text, size_t begin, const GroupedDigits& whole, size_t& decimals) {
  const size_t i = whole.end;
  if (char_at(text, i) == U'.' && whole.separator != U'.' && digit_at(text, i + 1)) {
    decimals = i + 1;
    return digits_end(text, decimals);
  }
  if (has_at(text, i, U"{,}") && whole.separator != U'{' && digit_at(text, i + 3)) {
    decimals = i + 3;
    return digits_end(text, decimals);
  }
  if (char_at(text, i) != U',' || whole.separator == U',' || whole.separator == U'{' ||
      !digit_at(text, i + 1))
    return i;
  const size_t end = digits_end(text, i + 1);
  const bool list =
      (begin > 1 && text[begin - 1] == U',' && is_digit(text[begin - 2])) ||
      ((char_at(text, end) == U',' || char_at(text, end) == U'.') && digit_at(text, end + 1)) ||
      opens_a_pair(text, begin);
  const bool could_be_thousands = end - i - 1 == 3 && whole.digits != U"0" && whole.separator == 0;
  if (list || could_be_thousands) return i;
  decimals = i + 1;
  return end;
}

}  // namespace

GroupedDigits read_grouped_digits(Text text, size_t begin, const GroupingRules& rules) {
  const size_t first_end = digits_end(text, begin);
  if (first_end - begin > 3 || text[begin] == U'0') return grouped(text, begin, first_end, 0);
  const size_t groups_after_space = rules.one_group_after_a_space ? 1 : 2;
  const std::array separators{Separator{U","},
                              Separator{U"{,}"},
                              Separator{U"\\,"},
                              Separator{U",\\!"},
                              Separator{U"{,}\\!"},
                              Separator{U"'"},
                              Separator{U"_"},
                              Separator{U"\u00a0", 1, true},
                              Separator{U" ", groups_after_space, true},
                              Separator{U"."}};
  for (const Separator& separator : separators) {
    const size_t end = groups_end(text, first_end, separator);
    const bool one_point = separator.text == U"." && end == first_end + 4;
    if (end > first_end && !(one_point && !decimal_comma_follows(text, end)))
      return grouped(text, begin, end, separator.text[0]);
  }
  for (const Text comma : {U",", U"{,}"}) {
    const size_t end =
        first_end - begin < 3 ? indian_groups_end(text, first_end, comma) : first_end;
    if (end > first_end) return grouped(text, begin, end, comma[0]);
  }
  return grouped(text, begin, first_end, 0);
}

DecimalDigits read_decimal_digits(Text text, size_t begin) {
  GroupedDigits whole{.digits = U"0", .end = begin, .separator = 0};
  if (digit_at(text, begin)) whole = read_grouped_digits(text, begin);
  size_t decimals = 0;
  DecimalDigits read{.digits = whole.digits, .end = decimals_end(text, begin, whole, decimals)};
  if (decimals > 0)
    read.digits += U'.' + std::u32string(text.substr(decimals, read.end - decimals));
  return read;
}

}  // namespace candor::data
