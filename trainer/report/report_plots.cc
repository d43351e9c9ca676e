#include "trainer/report/report_plots.h"

#include <algorithm>
#include <cmath>
#include <functional>

#include "trainer/evaluation/metrics.h"
#include "trainer/report/svg_plot.h"

namespace candor {
namespace {

constexpr int kBefore = 0, kAfter = 1, kAfterArgmax = 2;

// One read-out of the graded examples, ready for the metrics.
class ReadOut {
 public:
  ReadOut(const std::vector<ScoredExample>& examples, bool by_argmax) {
    for (const ScoredExample& example : examples) {
      if (!example.graded) continue;
      confidence_.push_back(by_argmax ? example.argmax_value() : example.expectation());
      target_.push_back(example.target);
      levels_ = std::max(levels_, example.q.size());
    }
    dataset_.assign(confidence_.size(), 0);
    order_ = order_by_confidence(confidence_);
  }
  MetricSample sample() const { return {.confidence = confidence_, .target = target_, .dataset = dataset_, .order = order_, .weight = {}}; }
  const std::vector<double>& confidence() const { return confidence_; }
  size_t levels() const { return levels_; }

 private:
  std::vector<double> confidence_, target_;
  std::vector<int64_t> dataset_, order_;
  size_t levels_ = 0;
};

Series reliability_series(const std::string& label, int colour, const ReadOut& read_out) {
  Series series{.label = label, .kind = SeriesKind::kPoints, .colour = colour, .points = {}, .sizes = {}};
  for (const ReliabilityBin& bin : reliability_bins(read_out.sample())) {
    if (bin.weight == 0) continue;
    series.points.push_back({bin.mean_confidence, bin.mean_target});
    series.sizes.push_back(bin.weight);
  }
  return series;
}

Series line(const std::string& label, int colour, std::vector<CurvePoint> points) {
  return {.label = label, .kind = SeriesKind::kLine, .colour = colour, .points = std::move(points), .sizes = {}};
}

// Shares of examples in `cells` cells; argmax values have a cell each, expectations fall into cells of equal width.
std::vector<double> shares(const ReadOut& read_out, size_t cells, bool by_argmax) {
  std::vector<double> share(cells, 0.0);
  for (const double c : read_out.confidence()) {
    const double place = by_argmax ? std::round(c * static_cast<double>(cells - 1)) : std::floor(c * static_cast<double>(cells) + 1e-9);
    share[std::min(cells - 1, static_cast<size_t>(std::max(0.0, place)))] += 1.0 / static_cast<double>(read_out.confidence().size());
  }
  return share;
}

std::string histogram(const ReportInput& input, bool by_argmax) {
  const ReadOut before(input.before_examples, by_argmax), after(input.after_examples, by_argmax);
  const size_t cells = by_argmax ? std::max<size_t>(2, std::max(before.levels(), after.levels())) : 20;
  const double pitch = by_argmax ? 1.0 / static_cast<double>(cells - 1) : 1.0 / static_cast<double>(cells);
  const double margin = by_argmax ? pitch / 2 : 0;
  double tallest = 0.1;
  std::vector<Series> series;
  for (const bool is_after : {false, true}) {
    Series bars{.label = is_after ? "after" : "before", .kind = SeriesKind::kBars, .colour = is_after ? kAfter : kBefore, .points = {}, .sizes = {}};
    bars.bar_width = pitch * 0.42;
    const std::vector<double> share = shares(is_after ? after : before, cells, by_argmax);
    for (size_t i = 0; i < cells; ++i) {
      const double centre = (static_cast<double>(i) + (by_argmax ? 0 : 0.5)) * pitch;
      bars.points.push_back({centre + (is_after ? 0.22 : -0.22) * pitch, share[i]});
      tallest = std::max(tallest, share[i]);
    }
    series.push_back(std::move(bars));
  }
  PlotOptions options{
      .title = by_argmax ? "Confidences said (argmax)" : "Confidences (expectation)", .x_label = "confidence", .y_label = "share of examples"};
  options.x_min = -margin;
  options.x_max = 1 + margin;
  options.y_max = tallest * 1.08;
  return svg_plot(options, series);
}

std::string training_plot(const std::vector<TrainingPoint>& curve, const std::string& title, bool from_zero,
                          const std::function<std::optional<double>(const TrainingPoint&)>& value) {
  std::vector<CurvePoint> points;
  for (const TrainingPoint& point : curve) {
    const std::optional<double> y = value(point);
    if (y && std::isfinite(*y)) points.push_back({static_cast<double>(point.step), *y});
  }
  if (points.empty()) return "";
  double low = points[0].y, high = points[0].y;
  for (const CurvePoint& point : points) {
    low = std::min(low, point.y);
    high = std::max(high, point.y);
  }
  const double margin = std::max(1e-9, 0.06 * (high - low) + 0.001 * std::abs(high));
  PlotOptions options{.title = title, .x_label = "step", .y_label = ""};
  options.x_min = points.front().x;
  options.x_max = points.back().x;
  options.y_min = from_zero ? 0 : low - margin;
  options.y_max = high + margin;
  options.height = 220;
  return svg_plot(options, {line("", kAfter, points)});
}

}  // namespace

std::string reliability_plots(const ReportInput& input) {
  std::string plots;
  for (const bool by_argmax : {false, true}) {
    const PlotOptions options{
        .title = by_argmax ? "Reliability, argmax" : "Reliability, expectation", .x_label = "confidence", .y_label = "share correct"};
    plots += svg_plot(options, {{.label = "", .kind = SeriesKind::kReference, .colour = 0, .points = {{0, 0}, {1, 1}}, .sizes = {}},
                                reliability_series("before", kBefore, ReadOut(input.before_examples, by_argmax)),
                                reliability_series("after", kAfter, ReadOut(input.after_examples, by_argmax))});
  }
  return plots;
}

std::string histogram_plots(const ReportInput& input) { return histogram(input, false) + histogram(input, true); }

std::string ranking_plots(const ReportInput& input) {
  const ReadOut before(input.before_examples, false), after(input.after_examples, false), after_argmax(input.after_examples, true);
  const std::string roc = svg_plot({.title = "ROC", .x_label = "false positive rate", .y_label = "true positive rate"},
                                   {{.label = "", .kind = SeriesKind::kReference, .colour = 0, .points = {{0, 0}, {1, 1}}, .sizes = {}},
                                    line("before", kBefore, roc_curve(before.sample())),
                                    line("after", kAfter, roc_curve(after.sample())),
                                    line("after, argmax", kAfterArgmax, roc_curve(after_argmax.sample()))});
  const std::string risk =
      svg_plot({.title = "Risk and coverage", .x_label = "share answered, most confident first", .y_label = "share wrong"},
               {line("before", kBefore, risk_coverage_curve(before.sample())), line("after", kAfter, risk_coverage_curve(after.sample())),
                line("after, argmax", kAfterArgmax, risk_coverage_curve(after_argmax.sample()))});
  return roc + risk;
}

std::string training_plots(const std::vector<TrainingPoint>& curve) {
  return training_plot(curve, "Training loss", false, [](const TrainingPoint& p) { return std::optional<double>(p.loss); }) +
         training_plot(curve, "Learning rate", true, [](const TrainingPoint& p) { return std::optional<double>(p.learning_rate); }) +
         training_plot(curve, "Validation Brier score", false, [](const TrainingPoint& p) { return p.validation_brier; }) +
         training_plot(curve, "Validation: levels said", true, [](const TrainingPoint& p) { return p.validation_levels; }) +
         training_plot(curve, "Validation: entropy of q (nats)", true, [](const TrainingPoint& p) { return p.validation_entropy; }) +
         training_plot(curve, "Validation: spread of expectation", true, [](const TrainingPoint& p) { return p.validation_spread; });
}

}  // namespace candor
