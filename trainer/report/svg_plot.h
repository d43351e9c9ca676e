// Small line, bar and point plots as inline SVG. Colours come from CSS variables of the page
// (--series-0.., --axis, --grid), so one drawing serves light and dark.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "trainer/evaluation/metrics.h"

namespace candor::trainer {

// &, <, >, " and ' become entities; control characters other than tab and new line, and bytes that
// aren't UTF-8, become U+FFFD.
std::string escape_html(std::string_view text);

enum class SeriesKind {
  kLine,
  kPoints,
  kScatter,
  kBars,
  kReference
};  // kPoints: joined by a thin line; kScatter: not; kReference: thin dashed line

struct Series {
  std::string label;  // in the legend; empty: not there
  SeriesKind kind = SeriesKind::kLine;
  int colour = 0;  // 0..3
  std::vector<CurvePoint> points;
  std::vector<double> sizes;  // kPoints: relative area of each, empty for equal
  double bar_width = 0;       // kBars, in x units, centred on x
  bool dashed = false;        // kLine: so that two lines are told apart without their colours
  // Of each point, or empty. kPoints: {low, high} as a vertical line. kPoints and kBars: what a
  // reader who points at it sees.
  std::vector<std::pair<double, double>> y_ranges{};
  std::vector<std::string> notes{};
};

struct PlotOptions {
  std::string title, x_label, y_label;
  double x_min = 0, x_max = 1, y_min = 0,
         y_max = 1;  // points outside are moved to the frame; NaN points are left out
  bool whole_x = false, whole_y = false;  // ticks at whole numbers only
  std::vector<std::pair<double, std::string>>
      x_ticks{};  // in place of numbers: where, and what stands there
  int width = 360, height = 280;
};

std::string svg_plot(const PlotOptions& options, const std::vector<Series>& series);

}  // namespace candor::trainer
