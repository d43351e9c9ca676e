// sweep.html: one page without scripts from elsewhere, readable in light and dark.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "launch/progress/progress.h"
#include "launch/sweep/parameter_ticks.h"
#include "launch/sweep/sweep_names.h"
#include "launch/sweep/sweep_report.h"
#include "trainer/report/report_style.h"
#include "trainer/report/svg_plot.h"

namespace candor::launch {
namespace {

constexpr size_t kMostCurves = 40;

struct Shown {
  int64_t point = 0;
  size_t rung = 0;
  double value = 0;  // of the first objective
};

class Page {
 public:
  Page(const SweepConfig& sweep, const ScheduleOfTrials& schedule, const TrialFiles& files)
      : sweep_(sweep), schedule_(schedule), files_(files) {
    for (int64_t point = 0; point < static_cast<int64_t>(schedule.points().size()); ++point) {
      const std::optional<size_t> rung = schedule.rung_reached(point);
      if (!rung) continue;
      const std::optional<double> value = schedule.value(point, *rung, sweep.objectives.front());
      if (value && std::isfinite(*value)) shown_.push_back({point, *rung, *value});
    }
    // The best last, so that it is drawn above the others.
    std::stable_sort(shown_.begin(), shown_.end(), [&](const Shown& a, const Shown& b) {
      return a.rung != b.rung
                 ? a.rung < b.rung
                 : schedule_.rank_value(a.point, a.rung) > schedule_.rank_value(b.point, b.rung);
    });
  }

  std::string html() const {
    std::string page = fmt::format(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" "
        "content=\"width=device-width\">"
        "<title>Sweep {0}</title><style>{1}{2}</style></head><body>\n<h1>Sweep {0}</h1>\n",
        trainer::escape_html(sweep_.dir), trainer::report_style(), own_style());
    page += introduction();
    if (shown_.empty())
      return page + "<p class=\"warn\">No point has a result.</p></body></html>\n";
    page += "<h2>All points</h2>\n<p class=\"soft\">A line a point, coloured by " +
            trainer::escape_html(metric()) + " (thick: the best); short trainings are pale.</p>\n" +
            parallel_coordinates();
    page += "<h2>" + trainer::escape_html(metric()) +
            " against each parameter</h2>\n<div class=\"plots\">\n" + scatter_plots() + "</div>\n";
    page += "<h2>Learning curves</h2>\n<div class=\"plots\">\n" + curves() + "</div>\n";
    if (sweep_.objectives.size() > 1)
      page += "<h2>Pareto front</h2>\n<div class=\"plots\">\n" + front() + "</div>\n";
    page += "<h2>Ranking</h2>\n" + ranking() + "<h2>The best config</h2>\n<pre>" +
            trainer::escape_html(best_text()) + "</pre>\n";
    return page + "</body></html>\n";
  }

 private:
  const std::string& metric() const { return sweep_.objectives.front().metric; }
  const Point& point_of(const Shown& shown) const {
    return schedule_.points()[static_cast<size_t>(shown.point)].point;
  }

  static std::string own_style() {
    return ".parallel { width: 100%; height: auto; background: var(--card); border-radius: 10px; } "
           ".parallel path { fill: none; stroke: "
           "var(--series-1); }"
           ".parallel path.best { stroke: var(--series-0); } .parallel text { fill: var(--text); "
           "font: 11px system-ui, sans-serif; }"
           ".parallel line { stroke: var(--axis); } .parallel .tick { paint-order: stroke; stroke: "
           "var(--card); stroke-width: 3px; }\n";
  }

  std::string introduction() const {
    size_t failed = 0;
    for (int64_t point = 0; point < static_cast<int64_t>(schedule_.points().size()); ++point)
      failed += schedule_.has_failed(point) ? 1 : 0;
    std::string text = fmt::format(
        "<p>{} points were tried by {} search, halving {}, compared by {} on validation ({} is "
        "better); the test split decided nothing. "
        "{} steps were trained in all, {:.0f} % of what training every point to the end would have "
        "taken.{}</p>\n",
        schedule_.points().size(), method_name(sweep_.method), halving_name(sweep_.halving),
        trainer::escape_html(metric()),
        sweep_.objectives.front().larger_is_better ? "more" : "less", schedule_.steps_done(),
        share_of_all(),
        failed == 0 ? "" : fmt::format(" {} points failed; trials.csv says why.", failed));
    if (const std::optional<int64_t> best = schedule_.best()) {
      text += fmt::format(
          "<p>The best is point {:04}: {}. Its folder is {}; if it was trained to the end, "
          "report.html there has its figures on the test "
          "split.</p>\n",
          *best, trainer::escape_html(schedule_.points()[static_cast<size_t>(*best)].point.text()),
          trainer::escape_html(files_.trial_dir({.point = *best})));
    }
    return text;
  }

  double share_of_all() const {
    const double all = static_cast<double>(schedule_.points().size()) *
                       static_cast<double>(sweep_.rungs.back() * sweep_.repeat_seeds);
    return all > 0 ? 100 * static_cast<double>(schedule_.steps_done()) / all : 100;
  }

  // 0 for the worst of those shown, 1 for the best.
  double goodness(const Shown& shown) const {
    double low = std::numeric_limits<double>::infinity(), high = -low;
    for (const Shown& other : shown_) {
      low = std::min(low, other.value);
      high = std::max(high, other.value);
    }
    const double share = high > low ? (shown.value - low) / (high - low) : 1;
    return sweep_.objectives.front().larger_is_better ? share : 1 - share;
  }

  std::string parallel_coordinates() const {
    const double width = 1100, height = 330, top = 40, bottom = 290, left = 60, right = 1040;
    const size_t axes = sweep_.space.size() + 1;  // the last is the objective
    const auto x_of = [&](size_t axis) {
      return axes == 1 ? right
                       : left + (right - left) * static_cast<double>(axis) /
                                    static_cast<double>(axes - 1);
    };
    std::string svg =
        fmt::format("<svg class=\"parallel\" viewBox=\"0 0 {} {}\" role=\"img\">", width, height);
    for (size_t axis = 0; axis < axes; ++axis) {
      const bool is_objective = axis + 1 == axes;
      svg += fmt::format("<line x1=\"{0:.0f}\" x2=\"{0:.0f}\" y1=\"{1}\" y2=\"{2}\"/>", x_of(axis),
                         top, bottom);
      const std::string name =
          is_objective ? metric()
                       : sweep_.space[axis].key.substr(sweep_.space[axis].key.find('.') + 1);
      svg += fmt::format("<text x=\"{:.0f}\" y=\"18\" text-anchor=\"middle\">{}</text>", x_of(axis),
                         trainer::escape_html(name));
    }
    for (const Shown& shown : shown_) {
      const std::vector<double> position = position_of(sweep_.space, point_of(shown));
      const double good = goodness(shown);
      std::string path;
      for (size_t axis = 0; axis < axes; ++axis) {
        const double share = axis + 1 == axes ? good : position[axis];
        if (share < 0) continue;  // left out by a condition
        path += fmt::format("{}{:.1f} {:.1f}", path.empty() ? "M" : " L", x_of(axis),
                            bottom - share * (bottom - top));
      }
      const bool best = &shown == &shown_.back();
      const double opacity =
          (0.15 + 0.6 * good) * (shown.rung + 1 == sweep_.rungs.size() ? 1 : 0.5);
      svg += fmt::format(
          "<path{} stroke-width=\"{}\" stroke-opacity=\"{:.2f}\" d=\"{}\"><title>{:04}: {} {:.4f}, "
          "{}</title></path>",
          best ? " class=\"best\"" : "", best ? "3.5" : "1.5", best ? 1 : opacity, path,
          shown.point, trainer::escape_html(metric()), shown.value,
          trainer::escape_html(point_of(shown).text()));
    }
    for (size_t axis = 0; axis < axes; ++axis) {  // above the lines
      const std::vector<std::pair<double, std::string>> ends = {{0, "worst"}, {1, "best"}};
      const bool last = axis + 1 == axes;
      // Each tick has a line of text of its own, as wide as the space between two axes.
      const size_t room = static_cast<size_t>((right - left) / static_cast<double>(axes) / 8);
      for (const auto& [where, text] :
           last ? ends
                : ticks_of(sweep_.space[axis],
                           room * std::max<size_t>(1, sweep_.space[axis].choices.size()))) {
        svg += fmt::format("<text class=\"tick\" x=\"{:.0f}\" y=\"{:.0f}\"{}>{}</text>",
                           last ? x_of(axis) : x_of(axis) + 5,
                           bottom - where * (bottom - top) + (last ? (where > 0 ? -6 : 16) : 4),
                           last ? " text-anchor=\"middle\"" : "", trainer::escape_html(text));
      }
    }
    return svg + "</svg>\n";
  }

  std::string scatter_plots() const {
    std::string plots;
    const auto [low, high] = value_range();
    for (size_t axis = 0; axis < sweep_.space.size(); ++axis) {
      const Parameter& parameter = sweep_.space[axis];
      trainer::Series early{.label = "stopped early",
                            .kind = trainer::SeriesKind::kScatter,
                            .colour = 1,
                            .points = {},
                            .sizes = {}},
          late{.label = "to the end",
               .kind = trainer::SeriesKind::kScatter,
               .colour = 0,
               .points = {},
               .sizes = {}};
      for (const Shown& shown : shown_) {
        const double position = position_of(sweep_.space, point_of(shown))[axis];
        if (position < 0) continue;
        trainer::Series& series = shown.rung + 1 == sweep_.rungs.size() ? late : early;
        series.points.push_back({position, shown.value});
        series.notes.push_back(fmt::format("{:04}: {}", shown.point, point_of(shown).text()));
      }
      plots += trainer::svg_plot(
          {.title = parameter.key,
           .x_label = parameter.kind == ParameterKind::kLogUniform ? "logarithmic" : "",
           .y_label = metric(),
           .y_min = low,
           .y_max = high,
           .x_ticks = ticks_of(parameter, 48)},
          {early, late});
    }
    return plots;
  }

  std::pair<double, double> value_range() const {
    double low = shown_.front().value, high = low;
    for (const Shown& shown : shown_) {
      low = std::min(low, shown.value);
      high = std::max(high, shown.value);
    }
    const double margin = std::max(0.05 * (high - low), 1e-6);
    return {low - margin, high + margin};
  }

  std::string curves() const {
    std::vector<trainer::Series> of_loss, of_metric;
    double steps = 1, loss_high = 1e-9, low = std::numeric_limits<double>::infinity(), high = -low;
    const size_t first = shown_.size() > kMostCurves ? shown_.size() - kMostCurves : 0;
    for (size_t i = first; i < shown_.size(); ++i) {
      const bool best = i + 1 == shown_.size();
      trainer::Series loss{.label = best ? fmt::format("the best, {:04}", shown_[i].point) : "",
                           .colour = best ? 0 : 1,
                           .points = {},
                           .sizes = {}},
          validation = loss;
      for (const CurvePointOfTrial& point :
           read_trial_curve(files_.metrics_path({.point = shown_[i].point}))) {
        const auto step = static_cast<double>(point.step);
        steps = std::max(steps, step);
        if (std::isfinite(point.loss)) {
          loss.points.push_back({step, point.loss});
          loss_high = std::max(loss_high, point.loss);
        }
        const auto figure = point.validation.find(metric());
        if (figure == point.validation.end()) continue;
        validation.points.push_back({step, figure->second});
        low = std::min(low, figure->second);
        high = std::max(high, figure->second);
      }
      of_loss.push_back(std::move(loss));
      of_metric.push_back(std::move(validation));
    }
    std::string plots = trainer::svg_plot({.title = "loss of each step",
                                           .x_label = "step",
                                           .y_label = "loss",
                                           .x_max = steps,
                                           .y_max = loss_high,
                                           .width = 540},
                                          of_loss);
    if (high >= low) {
      const double margin = std::max(0.05 * (high - low), 1e-6);
      plots += trainer::svg_plot({.title = metric() + " on validation",
                                  .x_label = "step",
                                  .y_label = metric(),
                                  .x_max = steps,
                                  .y_min = low - margin,
                                  .y_max = high + margin,
                                  .width = 540},
                                 of_metric);
    }
    return plots;
  }

  std::string front() const {
    const std::vector<int64_t> best = pareto_front(sweep_, schedule_);
    std::string plots;
    for (size_t second = 1; second < sweep_.objectives.size(); ++second) {
      trainer::Series all{.label = "to the end",
                          .kind = trainer::SeriesKind::kScatter,
                          .colour = 1,
                          .points = {},
                          .sizes = {}},
          on_front{.label = "no other is better in all",
                   .kind = trainer::SeriesKind::kScatter,
                   .colour = 0,
                   .points = {},
                   .sizes = {}};
      double x_low = std::numeric_limits<double>::infinity(), x_high = -x_low, y_low = x_low,
             y_high = -x_low;
      for (const Shown& shown : shown_) {
        if (shown.rung + 1 != sweep_.rungs.size()) continue;
        const std::optional<double> y =
            schedule_.value(shown.point, shown.rung, sweep_.objectives[second]);
        if (!y) continue;
        trainer::Series& series =
            std::count(best.begin(), best.end(), shown.point) > 0 ? on_front : all;
        series.points.push_back({shown.value, *y});
        series.notes.push_back(fmt::format("{:04}: {}", shown.point, point_of(shown).text()));
        x_low = std::min(x_low, shown.value);
        x_high = std::max(x_high, shown.value);
        y_low = std::min(y_low, *y);
        y_high = std::max(y_high, *y);
      }
      if (x_high < x_low) continue;
      const double x_margin = std::max(0.05 * (x_high - x_low), 0.01 * std::abs(x_high)),
                   y_margin = std::max(0.05 * (y_high - y_low), 0.01 * std::abs(y_high));
      plots += trainer::svg_plot({.title = metric() + " and " + sweep_.objectives[second].metric,
                                  .x_label = metric(),
                                  .y_label = sweep_.objectives[second].metric,
                                  .x_min = x_low - x_margin,
                                  .x_max = x_high + x_margin,
                                  .y_min = y_low - y_margin,
                                  .y_max = y_high + y_margin},
                                 {all, on_front});
    }
    return plots;
  }

  std::string ranking() const {
    std::string table = "<div class=\"scroll\"><table><tr><th>point</th><th>step</th>";
    for (const Objective& objective : sweep_.objectives) {
      table += "<th>" + trainer::escape_html(objective.metric) +
               (sweep_.repeat_seeds > 1 ? " (mean &plusmn; standard deviation of seeds)" : "") +
               "</th>";
    }
    table += "<th>values</th></tr>\n";
    size_t rows = 0;
    for (auto shown = shown_.rbegin(); shown != shown_.rend() && rows < 30; ++shown, ++rows) {
      const std::vector<TrialState>& trials =
          schedule_.points()[static_cast<size_t>(shown->point)].trials;
      table += fmt::format("<tr><td>{:04}</td><td>{:.0f}</td>", shown->point,
                           trials.front().figures.count(shown->rung) > 0
                               ? trials.front().figures.at(shown->rung).at("step")
                               : 0);
      for (const Objective& objective : sweep_.objectives)
        table += "<td>" + figure_text(*shown, trials, objective) + "</td>";
      table += "<td>" + trainer::escape_html(point_of(*shown).text()) + "</td></tr>\n";
    }
    return table + "</table></div>\n";
  }

  std::string figure_text(const Shown& shown, const std::vector<TrialState>& trials,
                          const Objective& objective) const {
    const std::optional<double> mean = schedule_.value(shown.point, shown.rung, objective);
    if (!mean) return "-";
    double squares = 0;
    int count = 0;
    for (const TrialState& trial : trials) {
      const auto reached = trial.figures.find(shown.rung);
      if (reached == trial.figures.end() || reached->second.count(objective.metric) == 0) continue;
      squares += std::pow(reached->second.at(objective.metric) - *mean, 2);
      ++count;
    }
    return count > 1
               ? fmt::format("{:.4f} &plusmn; {:.4f}", *mean, std::sqrt(squares / (count - 1)))
               : fmt::format("{:.4f}", *mean);
  }

  std::string best_text() const {
    const std::optional<int64_t> best = schedule_.best();
    return best ? to_yaml(best_config(sweep_, schedule_, *best)) : "";
  }

  const SweepConfig& sweep_;
  const ScheduleOfTrials& schedule_;
  const TrialFiles& files_;
  std::vector<Shown> shown_;
};

}  // namespace

std::string sweep_html(const SweepConfig& sweep, const ScheduleOfTrials& schedule,
                       const TrialFiles& files) {
  return Page(sweep, schedule, files).html();
}

}  // namespace candor::launch
