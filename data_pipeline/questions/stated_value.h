// The last number, date or time of day that a text states, and whether it is the accepted one.
//
// A date, a time of day and a sequence like "2:1" or "1.2.3" are one value each, with all their
// parts. Digits that belong to something else aren't values: an exponent or digit of a unit ("5
// m^2", "5 m2"). Digits behind letters ("CO2", "USD20") count only where no other value is.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace candor::data {

// Parts that aren't stated are 0.
struct Date {
  int year = 0, month = 0, day = 0;
  bool order_known = true;  // "3/4/2020" may be of March or April
};

struct TimeOfDay {
  int hour = 0;
  std::optional<int> minute{};  // none in "5 pm"
  enum class Half { kUnknown, kAm, kPm } half = Half::kUnknown;
};

using Sequence = std::vector<double>;
using StatedValue = std::variant<double, Date, TimeOfDay, Sequence>;

std::optional<StatedValue> last_value(std::string_view text);

// `stated` may say more than `accepted` (March 3, 1847 for 1847), but not less. NaN agrees with
// nothing.
bool agrees(const StatedValue& accepted, const StatedValue& stated);

bool can_be_compared(const StatedValue& value);  // it isn't NaN

}  // namespace candor::data
