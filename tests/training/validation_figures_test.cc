// The figures of a validation, their table, and the guard that reads them.
#include "trainer/training/validation_figures.h"

#include <gmock/gmock.h>

#include "synthetic_data.h"
#include "trainer/training/collapse_guard.h"
#include "trainer/training/metrics_log.h"

namespace candor::trainer {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

ScoredExample said(int level, double target) {
  ScoredExample example;
  example.q.assign(10, 0.0);
  example.q[static_cast<size_t>(level)] = 1;
  example.argmax_level = level;
  example.target = target;
  return example;
}

TEST(CollapseGuard, SpeaksUpForOneLevelAndIsSilentForMany) {
  std::vector<ScoredExample> one_level, many;
  for (int i = 0; i < 20; ++i) {
    one_level.push_back(said(4, i % 2));
    many.push_back(said(i % 10, i % 10 > 4 ? 1 : 0));
  }
  const auto collapsed = collapse_message(validation_figures(one_level), 0.5, true);
  ASSERT_TRUE(collapsed);
  EXPECT_THAT(*collapsed, AllOf(HasSubstr("1 level"), HasSubstr("objective")));
  EXPECT_FALSE(collapse_message(validation_figures(one_level), 0.1, true));
  const ValidationFigures figures = validation_figures(many);
  EXPECT_FALSE(collapse_message(figures, 0.9, true));
  EXPECT_EQ(figures.distinct_levels, 10);
  EXPECT_DOUBLE_EQ(figures.auroc, 1);
  EXPECT_NEAR(figures.tokenized_brier, figures.expectation_brier,
              1e-12);  // q is one-hot: no variance
  EXPECT_THROW(validation_figures({}), std::invalid_argument);
}

// What is stuck, at the end of the list, only the guard tells of.
TEST(CollapseGuard, SpeaksUpForWhatTheReportWillCallCollapsed) {
  const ValidationFigures well{.entropy = 1, .spread = 0.2, .distinct_levels = 6};
  EXPECT_FALSE(collapse_message(well, 0.5, false));
  for (const ValidationFigures& figures :
       {ValidationFigures{.entropy = 1, .spread = 0.2, .distinct_levels = 2},
        ValidationFigures{.entropy = 1, .spread = 0.01, .distinct_levels = 6},
        ValidationFigures{.entropy = 0.01, .spread = 0.05, .distinct_levels = 6}}) {
    EXPECT_TRUE(collapse_message(figures, 0.5, false));
  }
}

TEST(ValidationTable, EachFigureIsInTheLineInTheFormatsAndInTheSweepsWhereItHasABetterSide) {
  StepRecord record;
  record.validation = ValidationFigures{.auroc = 0.5, .distinct_levels = 7};
  const std::string line = to_json_line(record);
  const std::string docs = std::string(CANDOR_SOURCE_DIR) + "/docs/";
  const std::string formats = testing_support::file_text(docs + "formats.md"),
                    sweeps = testing_support::file_text(docs + "sweeps.md");
  for (const ValidationEntry& entry : validation_table()) {
    const std::string name = std::string("`") + entry.name + "`";
    EXPECT_THAT(line, HasSubstr(std::string("\"") + entry.name + "\":"));
    EXPECT_THAT(formats, HasSubstr(name));
    if (entry.better == Better::kNeither) {
      EXPECT_THAT(sweeps, Not(HasSubstr(name)));
    } else {
      EXPECT_THAT(sweeps, HasSubstr(name));
    }
  }
  EXPECT_THAT(line, HasSubstr("\"distinct_levels\":7}"));
  record.validation->auroc = std::numeric_limits<double>::quiet_NaN();
  EXPECT_THAT(to_json_line(record), Not(HasSubstr("\"auroc\"")));
}

}  // namespace
}  // namespace candor::trainer
