// A day as 2026-05-01: in a config, and in what a prompt with a day in it was made with.
#pragma once

#include <chrono>
#include <optional>
#include <string_view>

namespace candor::data {

// None for another form, and for a day that no calendar has.
inline std::optional<std::chrono::year_month_day> calendar_day(std::string_view text) {
  int numbers[3] = {};
  if (text.size() != 10 || text[4] != '-' || text[7] != '-') return std::nullopt;
  for (size_t i = 0; i < text.size(); ++i) {
    if (i == 4 || i == 7) continue;
    if (text[i] < '0' || text[i] > '9') return std::nullopt;
    int& number = numbers[i < 4 ? 0 : (i < 7 ? 1 : 2)];
    number = 10 * number + (text[i] - '0');
  }
  const std::chrono::year_month_day day{std::chrono::year(numbers[0]),
                                        std::chrono::month(static_cast<unsigned>(numbers[1])),
                                        std::chrono::day(static_cast<unsigned>(numbers[2]))};
  return day.ok() ? std::optional(day) : std::nullopt;
}

}  // namespace candor::data
