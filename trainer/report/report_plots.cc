#include "trainer/report/report_plots.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

#include <fmt/format.h>

#include "trainer/evaluation/metrics.h"
#include "trainer/report/read_out.h"
#include "trainer/report/svg_plot.h"

namespace candor::trainer {
namespace {

constexpr int kBefore = 0, kAfter = 1, kAfterArgmax = 2;

Series reliability_series(const std::string& label, int colour, const ReadOut& read_out) {
  Series series{
      .label = label, .kind = SeriesKind::kPoints, .colour = colour, .points = {}, .sizes = {}};
  for (const RatedBin& bin : rated_bins(read_out)) {
    if (bin.examples == 0) continue;
    series.points.push_back({bin.mean_confidence, bin.share_right});
    series.sizes.push_back(static_cast<double>(bin.examples));
    series.y_ranges.emplace_back(bin.low, bin.high);
    series.notes.push_back(
        fmt::format("{}: {} examples, mean confidence {:.2f}, {:.2f} right ({:.2f} to {:.2f})",
                    label, bin.examples, bin.mean_confidence, bin.share_right, bin.low, bin.high));
  }
  return series;
}

Series diagonal(const std::string& label) {
  return {.label = label,
          .kind = SeriesKind::kReference,
          .colour = 0,
          .points = {{0, 0}, {1, 1}},
          .sizes = {}};
}

Series line(const std::string& label, int colour, std::vector<CurvePoint> points) {
  return {.label = label,
          .kind = SeriesKind::kLine,
          .colour = colour,
          .points = std::move(points),
          .sizes = {}};
}

// Shares of examples in `cells` cells; argmax values have a cell each, expectations fall into cells
// of equal width.
std::vector<double> shares(const ReadOut& read_out, size_t cells, bool by_argmax) {
  std::vector<double> share(cells, 0.0);
  for (const double c : read_out.confidence()) {
    const double place = by_argmax ? std::round(c * static_cast<double>(cells - 1))
                                   : std::floor(c * static_cast<double>(cells) + 1e-9);
    share[std::min(cells - 1, static_cast<size_t>(std::max(0.0, place)))] +=
        1.0 / static_cast<double>(read_out.confidence().size());
  }
  return share;
}

// The x axis counts levels by argmax, and is the confidence from 0 to 1 by expectation.
std::string histogram(const ReportInput& input, bool by_argmax) {
  const ReadOut before(input.before_examples, by_argmax), after(input.after_examples, by_argmax);
  const size_t cells =
      by_argmax ? std::max<size_t>(2, std::max(before.levels(), after.levels())) : 20;
  const double pitch = by_argmax ? 1.0 : 1.0 / static_cast<double>(cells);
  const double margin = by_argmax ? 0.5 : 0;
  const bool unparsed = input.before.overall.unparsed + input.after.overall.unparsed > 0;
  double tallest = 0.1;
  std::vector<Series> series;
  for (const bool is_after : {false, true}) {
    Series bars{.label = is_after ? "after" : "before",
                .kind = SeriesKind::kBars,
                .colour = is_after ? kAfter : kBefore,
                .points = {},
                .sizes = {}};
    bars.bar_width = pitch * 0.42;
    const ReadOut& read_out = is_after ? after : before;
    const std::vector<double> share = shares(read_out, cells, by_argmax);
    for (size_t i = 0; i < cells; ++i) {
      const double centre = (static_cast<double>(i) + (by_argmax ? 0 : 0.5)) * pitch;
      bars.points.push_back({centre + (is_after ? 0.22 : -0.22) * pitch, share[i]});
      bars.notes.push_back(fmt::format(
          "{}: {:.0f} examples, {}", bars.label,
          std::round(share[i] * static_cast<double>(read_out.confidence().size())),
          by_argmax ? fmt::format("level {}", i)
                    : fmt::format("{:.2f} to {:.2f}", centre - pitch / 2, centre + pitch / 2)));
      tallest = std::max(tallest, share[i]);
    }
    series.push_back(std::move(bars));
  }
  PlotOptions options{.title = by_argmax ? "Levels said (argmax)" : "Confidences (expectation)",
                      .x_label = by_argmax ? fmt::format("level said, 0 to {}{}", cells - 1,
                                                         unparsed ? "; unparsed as 0" : "")
                                           : "confidence",
                      .y_label = "share of examples"};
  options.x_min = -margin;
  options.x_max = (by_argmax ? static_cast<double>(cells - 1) : 1.0) + margin;
  options.whole_x = by_argmax;
  options.y_max = tallest * 1.08;
  return svg_plot(options, series);
}

using TrainingFigure = std::function<std::optional<double>(const TrainingPoint&)>;

struct TrainingLine {
  std::string label;
  TrainingFigure figure;
  int colour = kAfter;
};

struct TrainingPlot {
  std::string title, y_label;
  bool from_zero = true, whole_y = false;
  std::vector<TrainingLine> lines;
};

// Validation figures exist at a few steps only, so those are marked; `kept` is the step of the
// adapter, 0 where it isn't known.
std::string training_plot(const std::vector<TrainingPoint>& curve, const TrainingPlot& plot,
                          int64_t kept) {
  std::vector<Series> series;
  double low = std::numeric_limits<double>::infinity(), high = -low;
  for (const TrainingLine& one : plot.lines) {
    Series points{.label = one.label,
                  .kind = SeriesKind::kPoints,
                  .colour = one.colour,
                  .points = {},
                  .sizes = {}};
    for (const TrainingPoint& point : curve) {
      const std::optional<double> y = one.figure(point);
      if (!y || !std::isfinite(*y)) continue;
      points.points.push_back({static_cast<double>(point.step), *y});
      points.notes.push_back(fmt::format("step {}: {:.4g}", point.step, *y));
      low = std::min(low, *y);
      high = std::max(high, *y);
    }
    if (points.points.size() == curve.size() && curve.size() > 1) {
      points.kind = SeriesKind::kLine;
      points.notes.clear();
    }
    if (!points.points.empty()) series.push_back(std::move(points));
  }
  if (series.empty()) return "";
  const double margin = std::max({1e-9, 0.06 * (high - low), 0.02 * std::abs(high)});
  PlotOptions options{.title = plot.title, .x_label = "step", .y_label = plot.y_label};
  options.x_max = static_cast<double>(curve.back().step);
  options.y_min = plot.from_zero ? 0 : low - margin;
  options.y_max = high + margin;
  options.whole_x = true;
  options.whole_y = plot.whole_y;
  options.height = 220;
  if (kept > 0) {
    const auto step = static_cast<double>(kept);
    series.push_back({.label = "kept",
                      .kind = SeriesKind::kReference,
                      .colour = 0,
                      .points = {{step, options.y_min}, {step, options.y_max}},
                      .sizes = {}});
  }
  return svg_plot(options, series);
}

}  // namespace

std::string reliability_plots(const ReportInput& input) {
  std::string plots;
  for (const bool by_argmax : {false, true}) {
    const PlotOptions options{
        .title = by_argmax ? "Reliability, argmax" : "Reliability, expectation",
        .x_label = "mean confidence of the bin",
        .y_label = "share right"};
    plots += svg_plot(
        options, {diagonal("perfect"),
                  reliability_series("before", kBefore, ReadOut(input.before_examples, by_argmax)),
                  reliability_series("after", kAfter, ReadOut(input.after_examples, by_argmax))});
  }
  return plots;
}

std::string histogram_plots(const ReportInput& input) {
  return histogram(input, false) + histogram(input, true);
}

std::string ranking_plots(const ReportInput& input) {
  const ReadOut before(input.before_examples, false), after(input.after_examples, false),
      after_argmax(input.after_examples, true);
  const auto lines = [&](std::vector<CurvePoint> (*curve)(const MetricSample&)) {
    std::vector<Series> all = {line("before", kBefore, curve(before.sample())),
                               line("after", kAfter, curve(after.sample())),
                               line("after, argmax", kAfterArgmax, curve(after_argmax.sample()))};
    all.back().dashed = true;
    return all;
  };
  std::vector<Series> roc = lines(roc_curve);
  roc.insert(roc.begin(), diagonal("chance"));
  return svg_plot({.title = "ROC",
                   .x_label = "share of wrong answers above the threshold",
                   .y_label = "share of right answers above it"},
                  roc) +
         svg_plot({.title = "Risk and coverage",
                   .x_label = "share answered, most confident first",
                   .y_label = "share wrong among them"},
                  lines(risk_coverage_curve));
}

int64_t kept_step(const std::vector<TrainingPoint>& curve) {
  const TrainingPoint* best = nullptr;
  for (const TrainingPoint& point : curve) {
    if (point.validation_tokenized_brier &&
        (best == nullptr || *point.validation_tokenized_brier < *best->validation_tokenized_brier))
      best = &point;
  }
  return best == nullptr ? 0 : best->step;
}

std::string training_plots(const std::vector<TrainingPoint>& curve) {
  using Point = TrainingPoint;
  const int64_t kept = kept_step(curve);
  const auto validation = [&](const std::string& title, const std::string& y_label,
                              const TrainingFigure& figure, bool from_zero, bool whole_y) {
    return training_plot(curve,
                         {.title = title,
                          .y_label = y_label,
                          .from_zero = from_zero,
                          .whole_y = whole_y,
                          .lines = {{"", figure}}},
                         kept);
  };
  return training_plot(curve,
                       {.title = "Training loss",
                        .y_label = "loss",
                        .from_zero = false,
                        .lines = {{"", &Point::loss}}},
                       0) +
         training_plot(
             curve,
             {.title = "Learning rate", .y_label = "rate", .lines = {{"", &Point::learning_rate}}},
             0) +
         training_plot(curve,
                       {.title = "Validation: Brier score",
                        .y_label = "Brier score",
                        .from_zero = false,
                        .lines = {{"tokenized", &Point::validation_tokenized_brier},
                                  {"expectation", &Point::validation_brier, kAfterArgmax}}},
                       kept) +
         validation("Validation: AUROC", "AUROC", &Point::validation_auroc, false, false) +
         validation("Validation: levels said", "levels", &Point::validation_levels, true, true) +
         validation("Validation: entropy of q", "nats", &Point::validation_entropy, true, false) +
         validation("Validation: spread of the expectation", "standard deviation",
                    &Point::validation_spread, true, false);
}

}  // namespace candor::trainer
