#include "launch/sweep/sweep_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

#include "launch/sweep/point_check.h"
#include "launch/sweep/proposals.h"
#include "launch/sweep/sweep_names.h"

namespace candor::launch {
namespace {

constexpr size_t kMostPlanned = 1000;  // points that are looked at: a config is read for each
constexpr size_t kShown = 10;

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

// "0003  lora.rank=4", and why it can't be trained.
std::string line_of(const SweepPlan& plan, size_t index) {
  const PlannedPoint& planned = plan.points[index];
  return fmt::format("  {:04}  {}{}\n", index, planned.point.text(),
                     planned.problem.empty() ? "" : "  can't be trained: " + planned.problem);
}

// What of the points costs something.
std::string cost_text(const SweepConfig& sweep, size_t points) {
  std::string text;
  const std::vector<size_t> of_rung = points_by_rung(sweep, points);
  for (size_t rung = 0; rung < of_rung.size(); ++rung) {
    text += sweep.rungs[rung] > 0
                ? fmt::format("  to step {}: {} points\n", sweep.rungs[rung], of_rung[rung])
                : fmt::format("  to the end: {} points\n", of_rung[rung]);
  }
  const double steps = steps_of_plan(sweep, points), all = static_cast<double>(points) *
                                                           static_cast<double>(sweep.rungs.back()) *
                                                           static_cast<double>(sweep.repeat_seeds);
  if (steps > 0) {
    text +=
        fmt::format("  {:.0f} steps of {} examples, {:.0f} % of training every point to the end\n",
                    steps, sweep.base.train.batches.global_batch_examples, 100 * steps / all);
  }
  return text;
}

}  // namespace

size_t SweepPlan::that_cannot_be_trained() const {
  return static_cast<size_t>(std::count_if(
      points.begin(), points.end(), [](const PlannedPoint& p) { return !p.problem.empty(); }));
}

SweepPlan plan_of(const SweepConfig& sweep) {
  Proposals proposals(sweep);
  SweepPlan plan;
  size_t most = kMostPlanned;
  if (sweep.method == SearchMethod::kTpe) most = std::max(kRandomBeforeTpe, sweep.points.size());
  while (plan.points.size() < most) {
    const std::optional<Point> point = proposals.next({});
    if (!point) break;
    proposals.add(*point);
    plan.points.push_back({*point, check_point(sweep, *point).problem});
  }
  plan.count = proposals.count();
  plan.whole = proposals.all_made();
  if (plan.whole && plan.that_cannot_be_trained() == plan.points.size()) {
    throw std::invalid_argument(fmt::format("none of the sweep's {} points can be trained: {}: {}",
                                            plan.points.size(), plan.points.front().point.text(),
                                            plan.points.front().problem));
  }
  return plan;
}

std::vector<std::string> plan_warnings(const SweepConfig& sweep, const SweepPlan& plan) {
  std::vector<std::string> warnings;
  if (const size_t unfit = plan.that_cannot_be_trained(); unfit > 0) {
    const auto first = std::find_if(plan.points.begin(), plan.points.end(),
                                    [](const PlannedPoint& p) { return !p.problem.empty(); });
    warnings.push_back(fmt::format(
        "{} of {}{} points can't be trained and {} left out, {}: {}: {}", unfit,
        plan.whole ? "" : "the first ", plan.points.size(), unfit == 1 ? "is" : "are",
        unfit == 1 ? "which is" : "the first of which is", first->point.text(), first->problem));
  }
  if (plan.count < static_cast<size_t>(sweep.trials) && !is_listed(sweep.method)) {
    warnings.push_back(
        fmt::format("the space has no more than {} points, so sweep.trials {} isn't "
                    "reached: none is trained twice",
                    plan.count, sweep.trials));
  }
  return warnings;
}

std::string plan_text(const SweepConfig& sweep, const SweepPlan& plan, size_t slots) {
  std::string text = fmt::format(
      "{} of {} points, {}{}, halving {}; {} training{} each, {} rank{} each; {} slots, so {} at a "
      "time\n",
      method_name(sweep.method), plan.count,
      sweep.objectives.front().larger_is_better ? "most " : "least ",
      sweep.objectives.front().metric, halving_name(sweep.halving), sweep.repeat_seeds,
      sweep.repeat_seeds == 1 ? "" : "s", sweep.ranks_per_trial,
      sweep.ranks_per_trial == 1 ? "" : "s", slots,
      slots / static_cast<size_t>(sweep.ranks_per_trial));
  text += cost_text(sweep, plan.count - plan.that_cannot_be_trained());
  const size_t shown = std::min(plan.points.size(), kShown);
  for (size_t i = 0; i < shown; ++i) text += line_of(plan, i);
  if (shown < plan.count) text += fmt::format("  and {} more\n", plan.count - shown);
  for (size_t i = shown; i < plan.points.size(); ++i) {
    if (!plan.points[i].problem.empty()) text += line_of(plan, i);
  }
  return text;
}

double steps_left(const SweepConfig& sweep, const ScheduleOfTrials& schedule,
                  size_t points_in_all) {
  return std::max(0.0,
                  steps_of_plan(sweep, points_in_all) - static_cast<double>(schedule.steps_done()));
}

}  // namespace candor::launch
