#include "launch/sweep/sweep_table.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>

#include "launch/progress/progress.h"
#include "launch/sweep/steady_seconds.h"
#include "launch/sweep/sweep_names.h"

namespace candor::launch {
namespace {

// Points that reach each rung when halving goes as planned.
std::vector<size_t> points_by_rung(const SweepConfig& sweep, size_t points) {
  std::vector<size_t> of_rung;
  for (size_t rung = 0; rung < sweep.rungs.size(); ++rung) {
    of_rung.push_back(points);
    points = std::min(points, std::max<size_t>(1, points / static_cast<size_t>(sweep.factor)));
  }
  return of_rung;
}

double steps_of_plan(const SweepConfig& sweep, size_t points) {
  const std::vector<size_t> of_rung = points_by_rung(sweep, points);
  double steps = 0;
  for (size_t rung = 0; rung < of_rung.size(); ++rung) {
    const int64_t before = rung == 0 ? 0 : sweep.rungs[rung - 1];
    steps += static_cast<double>(of_rung[rung]) * static_cast<double>(sweep.rungs[rung] - before);
  }
  return steps * static_cast<double>(sweep.repeat_seeds);
}

// So that a line never wraps: a wrapped one couldn't be rewritten.
std::string cut_to(const std::string& line, size_t width) {
  size_t shown = 0, at = 0;
  while (at < line.size() && shown < width) {
    ++at;
    while (at < line.size() && (static_cast<unsigned char>(line[at]) & 0xc0) == 0x80) ++at;
    ++shown;
  }
  return line.substr(0, at);
}

}  // namespace

std::string sparkline(const std::vector<double>& values, size_t width) {
  static const char* const kBlocks[] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
  const size_t first = values.size() > width ? values.size() - width : 0;
  double low = std::numeric_limits<double>::infinity(), high = -low;
  for (size_t i = first; i < values.size(); ++i) {
    if (!std::isfinite(values[i])) continue;
    low = std::min(low, values[i]);
    high = std::max(high, values[i]);
  }
  std::string line;
  for (size_t i = first; i < values.size(); ++i) {
    if (!std::isfinite(values[i])) {
      line += "·";
      continue;
    }
    line += kBlocks[high > low ? std::min<size_t>(
                                     7, static_cast<size_t>(8 * (values[i] - low) / (high - low)))
                               : 0];
  }
  return line;
}

std::string ranking_text(const SweepConfig& sweep, const ScheduleOfTrials& schedule, size_t most) {
  struct Row {
    int64_t point;
    size_t rung;
    double value;
  };
  std::vector<Row> rows;
  size_t failed = 0;
  for (int64_t point = 0; point < static_cast<int64_t>(schedule.points().size()); ++point) {
    if (schedule.has_failed(point)) ++failed;
    const std::optional<size_t> rung = schedule.rung_reached(point);
    if (rung) rows.push_back({point, *rung, schedule.rank_value(point, *rung)});
  }
  std::stable_sort(rows.begin(), rows.end(), [](const Row& a, const Row& b) {
    return a.rung != b.rung ? a.rung > b.rung : a.value < b.value;
  });
  std::string text;
  std::vector<std::string> metrics;
  for (const Objective& objective : sweep.objectives) metrics.push_back(objective.metric);
  if (!rows.empty()) text += fmt::format("point  steps  {}\n", fmt::join(metrics, "  "));
  for (size_t i = 0; i < std::min(most, rows.size()); ++i) {
    const Row& row = rows[i];
    std::string figures;
    for (const Objective& objective : sweep.objectives) {
      const std::optional<double> value = schedule.value(row.point, row.rung, objective);
      figures += fmt::format("  {:<{}}", value ? fmt::format("{:.4f}", *value) : "-",
                             objective.metric.size());
    }
    const auto& trial = schedule.points()[static_cast<size_t>(row.point)].trials.front();
    const auto reached = trial.figures.find(row.rung);
    const double steps = reached != trial.figures.end() && reached->second.count("step") > 0
                             ? reached->second.at("step")
                             : 0;
    text += fmt::format("{:04}   {:<5.0f}{}  {}\n", row.point, steps, figures,
                        schedule.points()[static_cast<size_t>(row.point)].point.text());
  }
  if (rows.size() > most) text += fmt::format("and {} more\n", rows.size() - most);
  for (int64_t point = 0; failed > 0 && point < static_cast<int64_t>(schedule.points().size());
       ++point) {
    if (schedule.has_failed(point)) {
      text += fmt::format("{:04}   failed: {}\n", point,
                          schedule.points()[static_cast<size_t>(point)].trials.front().failure);
    }
  }
  return text;
}

std::string plan_text(const SweepConfig& sweep, size_t slots) {
  const Proposals proposals(sweep);
  std::string text = fmt::format(
      "{} of {} points, {}{}, halving {}; {} training{} each, {} rank{} each; {} slots, so {} at a "
      "time\n",
      method_name(sweep.method), proposals.count(),
      sweep.objectives.front().larger_is_better ? "most " : "least ",
      sweep.objectives.front().metric, halving_name(sweep.halving), sweep.repeat_seeds,
      sweep.repeat_seeds == 1 ? "" : "s", sweep.ranks_per_trial,
      sweep.ranks_per_trial == 1 ? "" : "s", slots,
      slots / static_cast<size_t>(sweep.ranks_per_trial));
  const std::vector<size_t> of_rung = points_by_rung(sweep, proposals.count());
  for (size_t rung = 0; rung < of_rung.size(); ++rung) {
    text += sweep.rungs[rung] > 0
                ? fmt::format("  to step {}: {} points\n", sweep.rungs[rung], of_rung[rung])
                : fmt::format("  to the end: {} points\n", of_rung[rung]);
  }
  const double steps = steps_of_plan(sweep, proposals.count()),
               all = static_cast<double>(proposals.count()) *
                     static_cast<double>(sweep.rungs.back()) *
                     static_cast<double>(sweep.repeat_seeds);
  if (steps > 0) {
    text +=
        fmt::format("  {:.0f} steps of {} examples, {:.0f} % of training every point to the end\n",
                    steps, sweep.base.train.batches.global_batch_examples, 100 * steps / all);
  }
  const size_t shown = std::min<size_t>(proposals.count(), 10);
  for (size_t i = 0; i < shown && (sweep.method != SearchMethod::kTpe || i < 10); ++i)
    text += fmt::format("  {:04}  {}\n", i, proposals.at(i, {}).text());
  if (shown < proposals.count()) text += fmt::format("  and {} more\n", proposals.count() - shown);
  return text;
}

double steps_left(const SweepConfig& sweep, const ScheduleOfTrials& schedule,
                  size_t points_in_all) {
  return std::max(0.0,
                  steps_of_plan(sweep, points_in_all) - static_cast<double>(schedule.steps_done()));
}

SweepDisplay::SweepDisplay(const TrialFiles& files, std::FILE* stream)
    : files_(files), stream_(stream), terminal_(::isatty(::fileno(stream)) == 1) {}

void SweepDisplay::erase_table() {
  for (; lines_shown_ > 0; --lines_shown_) fmt::print(stream_, "\033[1A\033[2K");
}

void SweepDisplay::event(const std::string& line) {
  erase_table();
  fmt::print(stream_, "sweep  {}\n", line);
  std::fflush(stream_);
}

std::string SweepDisplay::table(const SweepProgress& progress) {
  const ScheduleOfTrials& schedule = progress.schedule;
  const double done = static_cast<double>(schedule.steps_done()),
               left = steps_left(progress.sweep, schedule, progress.points_in_all);
  std::string text =
      fmt::format("{} of {} points begun, {} trainings run", schedule.points().size(),
                  progress.points_in_all, progress.running.size());
  if (done > 0 && left > 0)
    text += fmt::format(", about {} left", format_duration(progress.seconds * left / done));
  if (!progress.preparing.empty()) text += ", " + progress.preparing;
  text += "\n";
  if (const std::optional<int64_t> best = schedule.best()) {
    const size_t rung = *schedule.rung_reached(*best);
    const std::optional<double> value =
        schedule.value(*best, rung, progress.sweep.objectives.front());
    text += fmt::format("best   {:04}  {} {:.4f}  {}\n", *best,
                        progress.sweep.objectives.front().metric, value.value_or(NAN),
                        schedule.points()[static_cast<size_t>(*best)].point.text());
  }
  for (const RunningTrial* trial : progress.running) {
    const std::vector<CurvePointOfTrial> curve =
        read_trial_curve(files_.metrics_path(trial->task.trial));
    std::vector<double> losses;
    for (const CurvePointOfTrial& point : curve) losses.push_back(point.loss);
    const int64_t to = progress.sweep.rungs[trial->task.rung];
    text +=
        fmt::format("{}  step {:>4} of {:<4}  {}  {}\n", trial->task.trial.text(),
                    curve.empty() ? 0 : curve.back().step, to > 0 ? fmt::format("{}", to) : "?",
                    sparkline(losses, 24),
                    schedule.points()[static_cast<size_t>(trial->task.trial.point)].point.text());
  }
  return text;
}

void SweepDisplay::tick(const SweepProgress& progress) {
  if (!terminal_ || steady_seconds() - last_shown_ < 0.5) return;
  last_shown_ = steady_seconds();
  winsize size{};
  const size_t width = ::ioctl(::fileno(stream_), TIOCGWINSZ, &size) == 0 && size.ws_col > 10
                           ? size.ws_col - 1
                           : 100;
  const std::string text = table(progress);
  erase_table();
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = text.find('\n', begin);
    fmt::print(stream_, "{}\n", cut_to(text.substr(begin, end - begin), width));
    ++lines_shown_;
    begin = end + 1;
  }
  std::fflush(stream_);
}

void SweepDisplay::finish() { erase_table(); }

}  // namespace candor::launch
