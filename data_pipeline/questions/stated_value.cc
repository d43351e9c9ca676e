#include "data_pipeline/questions/stated_value.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "data_pipeline/questions/date_reading.h"
#include "data_pipeline/questions/folded_text.h"
#include "data_pipeline/questions/number_reading.h"

namespace candor::data {
namespace {

using Text = std::u32string_view;

char32_t before(Text text, size_t i) { return i > 0 ? text[i - 1] : 0; }

// Latin, Greek, Cyrillic: scripts that put a space between words and numbers.
bool is_spaced_letter(char32_t c) { return c < 0x590 && is_letter(c); }

bool ends_with_currency_code(Text text) {
  static constexpr std::array<Text, 12> kCodes{U"usd", U"eur", U"gbp", U"jpy", U"cny", U"inr",
                                               U"chf", U"cad", U"aud", U"nzd", U"rs",  U"us"};
  return std::any_of(kCodes.begin(), kCodes.end(), [&](Text code) {
    return text.ends_with(code) &&
           (text.size() == code.size() || !is_letter(text[text.size() - code.size() - 1]));
  });
}

// A number behind "^" that no number before them took: the exponent of a unit or a letter.
bool is_exponent(Text text, size_t i) {
  if (before(text, i) == U'-' || before(text, i) == U'+') --i;
  if (before(text, i) == U'{') --i;
  return before(text, i) == U'^';
}

// "CO2", "x_1", "log_{2}".
bool is_attached(Text text, size_t i) {
  if (!is_digit(text[i])) return false;
  const char32_t previous = before(text, i);
  if (previous == U'x' && i > 1 && is_digit(text[i - 2])) return false;  // 3x4
  if (is_spaced_letter(previous)) return !ends_with_currency_code(text.substr(0, i));
  if (previous == U'{') --i;
  if (before(text, i) != U'_') return false;
  const char32_t base = before(text, i - 1);
  return is_spaced_letter(base) || base == U'}';
}

struct ValueRead {
  StatedValue value;
  size_t end;
};

ValueRead read_value(Text text, size_t begin) {
  if (const auto date = read_date(text, begin)) return {date->value, date->end};
  if (const auto time = read_time(text, begin)) return {time->value, time->end};
  if (auto sequence = read_sequence(text, begin))
    return {std::move(sequence->value), sequence->end};
  const NumberRead number = read_number(text, begin);
  return {is_negative(text, begin) ? -number.value : number.value, number.end};
}

bool has_same_half(const TimeOfDay& accepted, const TimeOfDay& stated) {
  using Half = TimeOfDay::Half;
  return accepted.half == stated.half || accepted.half == Half::kUnknown ||
         stated.half == Half::kUnknown;
}

int hour_of_day(const TimeOfDay& time) {
  using Half = TimeOfDay::Half;
  if (time.half == Half::kUnknown) return time.hour;
  return time.hour % 12 + (time.half == Half::kPm ? 12 : 0);
}

bool is_same_time(const TimeOfDay& accepted, const TimeOfDay& stated) {
  if (accepted.minute.value_or(0) != stated.minute.value_or(0)) return false;
  return hour_of_day(accepted) == hour_of_day(stated) ||
         (accepted.hour == stated.hour && has_same_half(accepted, stated));
}

bool is_same_date(const Date& accepted, Date stated) {
  const auto covers = [&] {
    const auto has = [](int part, int wanted) { return wanted == 0 || part == wanted; };
    const bool short_year = accepted.year < 100 || stated.year < 100;
    return (has(stated.year, accepted.year) ||
            (short_year && stated.year > 0 && stated.year % 100 == accepted.year % 100)) &&
           has(stated.month, accepted.month) && has(stated.day, accepted.day);
  };
  if (covers()) return true;
  if (accepted.order_known == stated.order_known) return false;
  std::swap(stated.month, stated.day);
  return covers();
}

}  // namespace

std::optional<StatedValue> last_value(std::string_view original) {
  const std::u32string folded = folded_text(original);
  const Text text = folded;
  std::optional<StatedValue> last, last_attached;
  for (size_t i = 0; i < text.size();) {
    if (const auto date = read_named_date(text, i)) {
      last = date->value;
      i = date->end;
    } else if (!starts_number(text, i)) {
      ++i;
    } else if (is_exponent(text, i)) {
      i = std::max(read_number(text, i).end, i + 1);
    } else {
      const bool attached = is_attached(text, i);
      ValueRead read = read_value(text, i);
      (attached ? last_attached : last) = std::move(read.value);
      i = std::max(read.end, i + 1);
    }
  }
  return last ? last : last_attached;
}

bool can_be_compared(const StatedValue& value) {
  const double* number = std::get_if<double>(&value);
  return number == nullptr || !std::isnan(*number);
}

bool agrees(const StatedValue& accepted, const StatedValue& stated) {
  if (const double* number = std::get_if<double>(&accepted)) {
    if (const double* other = std::get_if<double>(&stated)) return *number == *other;
    if (const Date* date = std::get_if<Date>(&stated))
      return *number == (date->year != 0 ? date->year : date->day);
    const TimeOfDay* time = std::get_if<TimeOfDay>(&stated);
    return time != nullptr && !time->minute && *number == time->hour;
  }
  if (const TimeOfDay* time = std::get_if<TimeOfDay>(&accepted)) {
    if (const double* hour = std::get_if<double>(&stated))
      return !time->minute && *hour == time->hour;
    const TimeOfDay* other = std::get_if<TimeOfDay>(&stated);
    return other != nullptr && is_same_time(*time, *other);
  }
  if (const Date* date = std::get_if<Date>(&accepted)) {
    const Date* other = std::get_if<Date>(&stated);
    return other != nullptr && is_same_date(*date, *other);
  }
  const Sequence* other = std::get_if<Sequence>(&stated);
  return other != nullptr && std::get<Sequence>(accepted) == *other;
}

}  // namespace candor::data
