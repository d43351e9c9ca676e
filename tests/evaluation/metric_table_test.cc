// The table of the metrics: what the report needs of each, and that the documents name them all.
#include "trainer/evaluation/metric_table.h"

#include <gmock/gmock.h>

#include <cmath>
#include <fstream>
#include <limits>
#include <set>
#include <sstream>

#include "trainer/evaluation/collapse.h"

namespace candor::trainer {
namespace {

TEST(MetricTable, EachNameStandsOnceAndIsExplainedWhereItHasAColumn) {
  std::set<std::string> names;
  for (const MetricEntry& entry : metric_table()) {
    EXPECT_TRUE(names.insert(entry.name).second) << entry.name;
    EXPECT_STREQ(metric_entry(entry.name).name, entry.name);
    const bool has_column = *entry.heading != '\0';
    EXPECT_EQ(has_column, *entry.meaning != '\0') << entry.name;
    EXPECT_EQ(has_column, *entry.title != '\0') << entry.name;
    EXPECT_EQ(has_column, entry.better != Better::kNeither) << entry.name;
  }
  EXPECT_THROW(metric_entry("brierr"), std::logic_error);
}

TEST(MetricTable, TheFormatsNameEach) {
  std::ifstream stream(CANDOR_SOURCE_DIR "/docs/formats.md");
  std::ostringstream text;
  text << stream.rdbuf();
  for (const MetricEntry& entry : metric_table())
    EXPECT_THAT(text.str(), testing::HasSubstr("`" + std::string(entry.name) + "`"));
}

TEST(MetricTable, BetterIsAboveOrBelowAndNeverWithoutAValue) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_TRUE(is_better(Better::kHigher, 0.8, 0.7));
  EXPECT_FALSE(is_better(Better::kHigher, 0.7, 0.7));
  EXPECT_TRUE(is_better(Better::kLower, 0.1, 0.2));
  EXPECT_FALSE(is_better(Better::kNeither, 0.8, 0.7));
  for (const Better better : {Better::kHigher, Better::kLower}) {
    EXPECT_FALSE(is_better(better, nan, 0.7));
    EXPECT_FALSE(is_better(better, 0.7, nan));
  }
}

TEST(Collapse, IsFewLevelsOrHardlyAnySpread) {
  EXPECT_TRUE(have_collapsed(2, 0.3));
  EXPECT_TRUE(have_collapsed(5, 0.01));
  EXPECT_FALSE(have_collapsed(3, 0.02));
  EXPECT_FALSE(have_collapsed(3, std::numeric_limits<double>::quiet_NaN()));
}

}  // namespace
}  // namespace candor::trainer
