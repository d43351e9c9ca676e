#include "data_pipeline/chat/template_clock.h"

#include <fmt/format.h>

#include <array>
#include <cstdio>
#include <stdexcept>

#include "data_pipeline/chat/calendar_day.h"

namespace candor::data {
namespace {

std::string text_of(const std::tm& time, const char* format) {
  std::array<char, 256> text{};
  const size_t length = std::strftime(text.data(), text.size(), format, &time);
  return {text.data(), length};
}

}  // namespace

std::string local_time_text() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  ::localtime_r(&now, &parts);
  return text_of(parts, "%Y-%m-%d %H:%M:%S");
}

TemplateClock::TemplateClock(std::string_view time) : day_(time.substr(0, 10)) {
  const auto day = calendar_day(day_);
  const std::string rest(time.substr(day_.size()));
  const bool of_day = rest.empty() || std::sscanf(rest.c_str(), " %2d:%2d:%2d", &time_.tm_hour,
                                                  &time_.tm_min, &time_.tm_sec) == 3;
  if (!day || !of_day)
    throw std::invalid_argument(fmt::format("expected a day such as 2026-05-01, got {}", time));
  time_.tm_year = static_cast<int>(day->year()) - 1900;
  time_.tm_mon = static_cast<int>(static_cast<unsigned>(day->month())) - 1;
  time_.tm_mday = static_cast<int>(static_cast<unsigned>(day->day()));
  std::tm with_weekday = time_;  // in UTC, which has every hour of every day
  ::timegm(&with_weekday);
  time_.tm_wday = with_weekday.tm_wday;
  time_.tm_yday = with_weekday.tm_yday;
}

std::string TemplateClock::operator()(const std::string& format) const {
  *asked_ = true;
  return text_of(time_, format.c_str());
}

}  // namespace candor::data
