// One time for all prompts, by strftime's formats, and whether a template asked for it.
#include "data_pipeline/chat/template_clock.h"

#include <gmock/gmock.h>

#include "data_pipeline/chat/calendar_day.h"
#include "data_pipeline/chat/chat_template.h"

namespace candor::data {
namespace {

TEST(TemplateClock, SaysTheTimeItWasGiven) {
  EXPECT_EQ(TemplateClock("2024-07-26 13:05:09")("%d %b %Y, %A, day %j, %H:%M:%S"),
            "26 Jul 2024, Friday, day 208, 13:05:09");
  EXPECT_EQ(TemplateClock("2024-02-29")("%Y-%m-%d %H:%M"), "2024-02-29 00:00");
  EXPECT_EQ(TemplateClock("2024-02-29 23:59:59").day(), "2024-02-29");
  for (const char* text : {"", "2024-02-30", "2024-2-1", "2024-02-29 noon", "tomorrow"})
    EXPECT_THROW(TemplateClock{text}, std::invalid_argument) << text;
  EXPECT_NO_THROW(TemplateClock{local_time_text()});
}

TEST(TemplateClock, KnowsWhetherATemplateAsked) {
  const auto asks = [](const std::string& source) {
    const TemplateClock clock("2024-07-26");
    ChatTemplate(source, {}, clock).render({{"user", "Hi"}}, /*add_generation_prompt=*/false);
    return clock.is_asked();
  };
  EXPECT_FALSE(asks("{{ messages[0].content }}"));
  EXPECT_FALSE(asks("{% if false %}{{ strftime_now('%d') }}{% endif %}"));
  EXPECT_TRUE(asks("{% if strftime_now is defined %}{{ strftime_now('%d') }}{% endif %}"));
}

TEST(CalendarDay, IsOneThatACalendarHas) {
  EXPECT_TRUE(calendar_day("2024-02-29"));
  for (const char* text : {"2023-02-29", "2024-00-01", "2024-01-00", "2024-04-31", "24-01-01",
                           "2024/01/01", "2024-01-1x", "-024-01-01", " 2024-01-0"})
    EXPECT_FALSE(calendar_day(text)) << text;
}

}  // namespace
}  // namespace candor::data
