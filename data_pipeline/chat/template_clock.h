// The time that chat templates are told: one for all prompts of a command, so that midnight and the
// time zones of several hosts don't part them.
//
// Usage:   TemplateClock clock(local_time_text());   ... clock.is_asked() ...
// A copy shares whether it was asked. Thread-safe.
#pragma once

#include <atomic>
#include <ctime>
#include <memory>
#include <string>
#include <string_view>

namespace candor::data {

// Now, where this process is, as "2026-05-01 13:45:10".
std::string local_time_text();

class TemplateClock {
 public:
  // A time as above, or a day alone, which begins at midnight. Throws std::invalid_argument for
  // another text.
  explicit TemplateClock(std::string_view time);

  // As strftime.
  std::string operator()(const std::string& format) const;

  bool is_asked() const { return *asked_; }
  const std::string& day() const { return day_; }  // as 2026-05-01

 private:
  std::string day_;
  std::tm time_{};
  std::shared_ptr<std::atomic<bool>> asked_ = std::make_shared<std::atomic<bool>>(false);
};

}  // namespace candor::data
