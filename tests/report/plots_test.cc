// The drawings and their style: ticks, legends, marks, counts and intervals of the reliability
// bins, contrast of the colours.
#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <regex>

#include "trainer/report/read_out.h"
#include "trainer/report/report_plots.h"
#include "trainer/report/report_style.h"
#include "trainer/report/svg_plot.h"

namespace candor::trainer {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

ScoredExample said(double confidence, double target) {
  ScoredExample example;
  example.q = {1 - confidence, confidence};
  example.argmax_level = confidence < 0.5 ? 0 : 1;
  example.target = target;
  return example;
}

std::vector<std::string> ticks(const PlotOptions& options) {
  const std::string svg = svg_plot(options, {});
  const std::regex tick("class=\"tick\" text-anchor=\"end\"[^>]*>([^<]*)<");  // of y
  std::vector<std::string> texts;
  for (std::sregex_iterator it(svg.begin(), svg.end(), tick), end; it != end; ++it)
    texts.push_back((*it)[1]);
  return texts;
}

TEST(SvgPlot, TicksOfAnAxisAreWrittenAlike) {
  EXPECT_THAT(ticks({.title = "", .x_label = "", .y_label = "", .y_max = 1.02e-4}),
              ElementsAre("0", "2.5e-5", "5e-5", "7.5e-5", "1e-4"));
  EXPECT_THAT(ticks({.title = "", .x_label = "", .y_label = ""}),
              ElementsAre("0", "0.2", "0.4", "0.6", "0.8", "1"));
  EXPECT_THAT(ticks({.title = "", .x_label = "", .y_label = "", .y_min = 0.6995, .y_max = 0.7005}),
              AllOf(testing::Contains("0.7"), testing::Each(Not(HasSubstr("e")))));
  EXPECT_THAT(ticks({.title = "", .x_label = "", .y_label = "", .y_max = 2.1, .whole_y = true}),
              ElementsAre("0", "1", "2"));
}

TEST(SvgPlot, ReferenceLinesAreInTheLegendAndPointsSayWhatTheyAre) {
  const Series diagonal{.label = "perfect",
                        .kind = SeriesKind::kReference,
                        .colour = 0,
                        .points = {{0, 0}, {1, 1}},
                        .sizes = {}};
  Series points{.label = "after",
                .kind = SeriesKind::kPoints,
                .colour = 1,
                .points = {{0.5, 0.5}},
                .sizes = {}};
  points.y_ranges = {{0, 1}};
  points.notes = {"7 < 8"};
  const std::string svg = svg_plot({.title = "", .x_label = "", .y_label = ""}, {diagonal, points});
  EXPECT_THAT(svg, AllOf(HasSubstr(">perfect</text>"), HasSubstr("<line class=\"reference\""),
                         HasSubstr("<title>7 &lt; 8</title>")));
  EXPECT_THAT(
      svg,
      HasSubstr(
          "<line class=\"range series-1\" x1=\"199.0\" y1=\"240.0\" x2=\"199.0\" y2=\"44.0\"/>"));
}

TEST(RatedBins, CountAndWilsonInterval) {
  std::vector<ScoredExample> examples;
  for (int i = 0; i < 10; ++i) examples.push_back(said(0.72, i < 5 ? 1 : 0));
  examples.push_back(said(1, 1));
  examples.push_back(said(0.3, 1));
  examples.back().graded = false;
  const std::vector<RatedBin> bins = rated_bins(ReadOut(examples, false));
  ASSERT_EQ(bins.size(), 10U);
  EXPECT_EQ(bins[7].examples, 10);
  EXPECT_NEAR(bins[7].mean_confidence, 0.72, 1e-12);
  EXPECT_DOUBLE_EQ(bins[7].share_right, 0.5);
  EXPECT_NEAR(bins[7].low, 0.2366, 1e-4);  // statsmodels proportion_confint(5, 10, method="wilson")
  EXPECT_NEAR(bins[7].high, 0.7634, 1e-4);
  EXPECT_NEAR(bins[9].low, 0.2065, 1e-4);  // of 1 in 1
  EXPECT_NEAR(bins[9].high, 1, 1e-12);
  EXPECT_EQ(bins[3].examples, 0) << "ungraded";
  EXPECT_TRUE(std::isnan(bins[3].share_right) && std::isnan(bins[3].low));
}

TEST(TrainingPlots, MarkTheStepThatWasKept) {
  std::vector<TrainingPoint> curve(10);
  for (size_t i = 0; i < curve.size(); ++i) curve[i].step = static_cast<int64_t>(i) + 1;
  EXPECT_EQ(kept_step(curve), 0) << "nothing was validated";
  EXPECT_THAT(training_plots(curve), Not(HasSubstr("kept")));
  curve[3].validation_tokenized_brier = 0.2;
  curve[6].validation_tokenized_brier = 0.1;
  curve[9].validation_tokenized_brier = 0.1;  // not lower: the first one stays
  EXPECT_EQ(kept_step(curve), 7);
  EXPECT_THAT(training_plots(curve), HasSubstr(">kept</text>"));
  EXPECT_THAT(training_plots(curve), HasSubstr("<title>step 7: 0.1</title>"));
  EXPECT_EQ(training_plots({}), "");
}

// WCAG 2.1: relative luminance of "#rrggbb".
double luminance(const std::string& colour) {
  const auto channel = [&](size_t at) {
    const double c = std::stoi(colour.substr(at, 2), nullptr, 16) / 255.0;
    return c <= 0.03928 ? c / 12.92 : std::pow((c + 0.055) / 1.055, 2.4);
  };
  return 0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5);
}

TEST(ReportStyle, ColoursStandOutInLightAndDark) {
  const std::string style(report_style());
  const size_t dark = style.find("prefers-color-scheme: dark");
  ASSERT_NE(dark, std::string::npos);
  for (const std::string& part : {style.substr(0, dark), style.substr(dark)}) {
    std::map<std::string, std::string> colours;
    const std::regex variable("--([a-z0-9-]+): (#[0-9a-f]{6});");
    for (std::sregex_iterator it(part.begin(), part.end(), variable), end; it != end; ++it)
      colours[(*it)[1]] = (*it)[2];
    const auto contrast = [&](const std::string& a, const std::string& b) {
      const double one = luminance(colours.at(a)), other = luminance(colours.at(b));
      return (std::max(one, other) + 0.05) / (std::min(one, other) + 0.05);
    };
    for (const char* ground : {"page", "card"}) {
      for (const char* text : {"text", "soft", "series-0", "series-1"})
        EXPECT_GE(contrast(text, ground), 4.5) << text << " on " << ground;
      for (const char* line : {"series-2", "series-3", "axis"})
        EXPECT_GE(contrast(line, ground), 3) << line << " on " << ground;
    }
    EXPECT_GE(contrast("text", "warn"), 4.5);
  }
}

}  // namespace
}  // namespace candor::trainer
