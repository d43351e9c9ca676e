#include "launch/sweep/sweep_table.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>

#include "launch/progress/progress.h"
#include "launch/sweep/steady_seconds.h"
#include "launch/sweep/sweep_plan.h"

namespace candor::launch {
namespace {

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
