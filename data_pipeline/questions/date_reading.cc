#include "data_pipeline/questions/date_reading.h"

#include <array>
#include <utility>

#include "data_pipeline/questions/decimal_reading.h"
#include "data_pipeline/questions/folded_text.h"
#include "data_pipeline/questions/number_reading.h"

namespace candor::data {
namespace {

using Text = std::u32string_view;

// Digits without separators.
struct Digits {
  int value = 0;
  size_t length = 0, end = 0;
  bool is_year() const { return length == 4; }
  bool is_day() const { return length >= 1 && length <= 2 && value >= 1 && value <= 31; }
};

Digits read_digits(Text text, size_t begin) {
  Digits read{.end = begin};
  for (; is_digit(char_at(text, read.end)); ++read.end, ++read.length) {
    if (read.length < 9) read.value = read.value * 10 + static_cast<int>(text[read.end] - U'0');
  }
  return read;
}

// Runs of digits with one and the same separator between them.
struct Run {
  std::vector<Digits> parts;
  size_t end = 0;
};

Run read_run(Text text, size_t begin, char32_t separator) {
  Run run;
  Digits part = read_digits(text, begin);
  while (part.length > 0) {
    run.parts.push_back(part);
    run.end = part.end;
    if (char_at(text, part.end) != separator) break;
    part = read_digits(text, part.end + 1);
  }
  return run;
}

bool is_date(const Date& date) {
  return date.month >= 1 && date.month <= 12 && date.day >= 1 && date.day <= 31;
}

size_t after_ordinal(Text text, size_t i) {
  for (const Text ending : {U"st", U"nd", U"rd", U"th"}) {
    if (has_word_at(text, i, ending)) return i + 2;
  }
  return char_at(text, i) == U'.' ? i + 1 : i;
}

size_t after_comma(Text text, size_t i) {
  i = after_space(text, i);
  return char_at(text, i) == U',' ? after_space(text, i + 1) : i;
}

struct Month {
  int number = 0;  // 0: there is none
  size_t end = 0;
};

Month read_month(Text text, size_t i) {
  static constexpr std::array<Text, 12> kNames{U"january",   U"february", U"march",    U"april",
                                               U"may",       U"june",     U"july",     U"august",
                                               U"september", U"october",  U"november", U"december"};
  for (size_t m = 0; m < kNames.size(); ++m) {
    for (const Text name : {kNames[m], kNames[m].substr(0, 3), Text(U"sept")}) {
      if (name == U"sept" && m != 8) continue;
      if (!has_word_at(text, i, name)) continue;
      const size_t end = i + name.size();
      return {.number = static_cast<int>(m) + 1,
              .end = name.size() < kNames[m].size() && char_at(text, end) == U'.' ? end + 1 : end};
    }
  }
  return {};
}

// A year of four digits at i, behind at most a comma.
Digits read_year(Text text, size_t i) {
  const Digits year = read_digits(text, after_comma(text, i));
  // "1847.5" and "1,200" are numbers.
  const bool goes_on = (char_at(text, year.end) == U'.' || char_at(text, year.end) == U',') &&
                       is_digit(char_at(text, year.end + 1));
  return year.is_year() && !goes_on ? year : Digits{};
}

std::optional<Read<Date>> read_month_first(Text text, size_t begin) {
  const Month month = read_month(text, begin);
  if (month.number == 0) return std::nullopt;
  const size_t next = after_space(text, month.end);
  if (const Digits year = read_year(text, month.end); year.length > 0)
    return Read<Date>{{.year = year.value, .month = month.number}, year.end};
  const Digits day = read_digits(text, next);
  if (!day.is_day() || next == month.end) return std::nullopt;
  const size_t day_end = after_ordinal(text, day.end);
  if (const Digits year = read_year(text, day_end); year.length > 0)
    return Read<Date>{{.year = year.value, .month = month.number, .day = day.value}, year.end};
  // "They march 10.5 miles" has no date.
  if (read_number(text, next).end != day.end) return std::nullopt;
  return Read<Date>{{.month = month.number, .day = day.value}, day.end};
}

std::optional<Read<Date>> read_day_first(Text text, size_t begin) {
  const Digits day = read_digits(text, begin);
  if (!day.is_day()) return std::nullopt;
  size_t next = after_space(text, after_ordinal(text, day.end));
  if (has_word_at(text, next, U"of")) next = after_space(text, next + 2);
  const Month month = read_month(text, next);
  if (month.number == 0 || next == day.end) return std::nullopt;
  const Digits year = read_year(text, month.end);
  return Read<Date>{{.year = year.value, .month = month.number, .day = day.value},
                    year.length > 0 ? year.end : month.end};
}

std::optional<TimeOfDay::Half> read_half(Text text, size_t i, size_t& end) {
  using Half = TimeOfDay::Half;
  const size_t begin = after_space(text, i);
  const std::array<std::pair<Text, Half>, 4> kHalves{
      {{U"a.m.", Half::kAm}, {U"p.m.", Half::kPm}, {U"am", Half::kAm}, {U"pm", Half::kPm}}};
  for (const auto& [word, half] : kHalves) {
    if (!has_word_at(text, begin, word)) continue;
    end = begin + word.size();
    return half;
  }
  return std::nullopt;
}

}  // namespace

std::optional<Read<Date>> read_named_date(Text text, size_t begin) {
  if (begin > 0 && is_word_character(text[begin - 1])) return std::nullopt;
  return is_digit(text[begin]) ? read_day_first(text, begin) : read_month_first(text, begin);
}

std::optional<Read<Date>> read_date(Text text, size_t begin) {
  if (begin > 0 && (is_digit(text[begin - 1]) || text[begin - 1] == U'/')) return std::nullopt;
  for (const char32_t separator : {U'-', U'/', U'.'}) {
    const Run run = read_run(text, begin, separator);
    if (run.parts.size() != 3) continue;
    const auto& [a, b, c] = std::array{run.parts[0], run.parts[1], run.parts[2]};
    Date date;
    if (a.is_year() && b.is_day() && c.is_day()) {
      date = {.year = a.value, .month = b.value, .day = c.value};
    } else if (a.is_day() && b.is_day() && (c.is_year() || (separator == U'/' && c.length == 2))) {
      const bool day_first = separator == U'.' || a.value > 12;
      date = {.year = c.value,
              .month = day_first ? b.value : a.value,
              .day = day_first ? a.value : b.value,
              .order_known = separator == U'.' || a.value > 12 || b.value > 12};
    }
    if (is_date(date)) return Read<Date>{date, run.end};
  }
  return std::nullopt;
}

std::optional<Read<TimeOfDay>> read_time(Text text, size_t begin) {
  const Run run = read_run(text, begin, U':');
  if (run.parts.empty() || run.parts.size() > 2 || run.parts[0].length > 2) return std::nullopt;
  TimeOfDay time{.hour = run.parts[0].value};
  size_t end = run.end;
  const std::optional<TimeOfDay::Half> half = read_half(text, run.end, end);
  if (half && time.hour >= 1 && time.hour <= 12) time.half = *half;
  if (run.parts.size() == 1) {
    if (time.half == TimeOfDay::Half::kUnknown) return std::nullopt;
  } else {
    if (time.hour > 24 || run.parts[1].length != 2 || run.parts[1].value > 59) return std::nullopt;
    time.minute = run.parts[1].value;
  }
  return Read<TimeOfDay>{time, end};
}

std::optional<Read<Sequence>> read_sequence(Text text, size_t begin) {
  for (const char32_t separator : {U':', U'.', U'/'}) {
    const Run run = read_run(text, begin, separator);
    if (run.parts.size() < (separator == U':' ? 2U : 3U)) continue;
    if (separator == U'.' && read_grouped_digits(text, begin).separator == U'.') continue;
    Read<Sequence> read{.end = run.end};
    for (const Digits& part : run.parts) read.value.push_back(part.value);
    return read;
  }
  return std::nullopt;
}

}  // namespace candor::data
