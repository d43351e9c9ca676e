#include "launch/sweep/schedule_of_trials.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace candor::launch {

std::string TrialId::text() const {
  return repeat == 0 ? fmt::format("{:04}", point) : fmt::format("{:04}.{}", point, repeat);
}

void ScheduleOfTrials::add_point(Point point) {
  points_.push_back({.point = std::move(point),
                     .trials = std::vector<TrialState>(static_cast<size_t>(sweep_->repeat_seeds))});
}

void ScheduleOfTrials::finished(const Task& task, std::map<std::string, double> figures) {
  TrialState& state = trial(task.trial);
  state.running = false;
  state.figures[task.rung] = std::move(figures);
}

void ScheduleOfTrials::failed(const Task& task, const std::string& why, int exit_code) {
  TrialState& state = trial(task.trial);
  state.running = false;
  state.failure = why;
  state.exit_code = exit_code;
}

std::optional<TrialState> ScheduleOfTrials::first_failure() const {
  for (const PointState& point : points_) {
    for (const TrialState& state : point.trials) {
      if (!state.failure.empty()) return state;
    }
  }
  return std::nullopt;
}

std::optional<double> ScheduleOfTrials::value(int64_t point, size_t rung,
                                              const Objective& objective) const {
  double sum = 0;
  int count = 0;
  for (const TrialState& state : points_[static_cast<size_t>(point)].trials) {
    if (!state.failure.empty()) continue;
    const auto reached = state.figures.find(rung);
    if (reached == state.figures.end()) return std::nullopt;
    const auto figure = reached->second.find(objective.metric);
    if (figure == reached->second.end()) continue;  // such as the AUROC of one class
    sum += figure->second;
    ++count;
  }
  if (count == 0) return std::nullopt;
  return sum / count;
}

double ScheduleOfTrials::rank_value(int64_t point, size_t rung) const {
  const Objective& objective = sweep_->objectives.front();
  const std::optional<double> mean = value(point, rung, objective);
  if (!mean || !std::isfinite(*mean)) return std::numeric_limits<double>::infinity();
  return objective.larger_is_better ? -*mean : *mean;
}

bool ScheduleOfTrials::has_failed(int64_t point) const {
  const std::vector<TrialState>& trials = points_[static_cast<size_t>(point)].trials;
  return std::all_of(trials.begin(), trials.end(),
                     [](const TrialState& state) { return !state.failure.empty(); });
}

std::optional<size_t> ScheduleOfTrials::rung_reached(int64_t point) const {
  std::optional<size_t> highest;
  for (const TrialState& state : points_[static_cast<size_t>(point)].trials) {
    if (!state.failure.empty()) continue;
    if (state.figures.empty()) return std::nullopt;
    const size_t reached = state.figures.rbegin()->first;
    highest = highest ? std::min(*highest, reached) : reached;
  }
  return highest;
}

std::vector<int64_t> ScheduleOfTrials::sorted_at(size_t rung) const {
  std::vector<int64_t> reached;
  for (int64_t point = 0; point < static_cast<int64_t>(points_.size()); ++point) {
    const std::optional<size_t> highest = rung_reached(point);
    if (highest && *highest >= rung) reached.push_back(point);
  }
  std::stable_sort(reached.begin(), reached.end(),
                   [&](int64_t a, int64_t b) { return rank_value(a, rung) < rank_value(b, rung); });
  return reached;
}

std::vector<Task> ScheduleOfTrials::due_promotions(bool all_proposed) const {
  std::vector<Task> due;
  const size_t top = sweep_->rungs.size() - 1;
  for (size_t rung = top; rung-- > 0;) {
    std::vector<int64_t> reached = sorted_at(rung);
    size_t go_on = reached.size() / static_cast<size_t>(sweep_->factor);
    if (sweep_->halving == Halving::kSynchronous) {
      // All that were to come here have: those promoted to it, or for the first rung all points.
      size_t expected = 0;
      for (int64_t point = 0; point < static_cast<int64_t>(points_.size()); ++point) {
        if (points_[static_cast<size_t>(point)].promoted_to >= rung && !has_failed(point))
          ++expected;
      }
      if (!all_proposed || reached.size() < expected || expected == 0) continue;
      go_on = std::max<size_t>(1, reached.size() / static_cast<size_t>(sweep_->factor));
    } else if (all_proposed && !anything_running() && go_on == 0 && !reached.empty()) {
      go_on = 1;  // nobody else will come, and one must get to the end
    }
    for (size_t i = 0; i < std::min(go_on, reached.size()); ++i) {
      if (points_[static_cast<size_t>(reached[i])].promoted_to <= rung)
        due.push_back({.trial = {.point = reached[i]}, .rung = rung + 1});
    }
  }
  return due;
}

std::vector<Task> ScheduleOfTrials::promotions_now(bool all_proposed, bool slot_is_free) const {
  const bool limited =
      sweep_->max_hours > 0 || sweep_->max_slot_hours > 0;  // then an early result is worth more
  if (sweep_->halving != Halving::kAsynchronous || limited) return due_promotions(all_proposed);
  if (!all_proposed || !slot_is_free || next()) return {};
  const std::vector<Task> due = due_promotions(all_proposed);
  const auto lowest = std::min_element(
      due.begin(), due.end(), [](const Task& a, const Task& b) { return a.rung < b.rung; });
  return lowest == due.end() ? std::vector<Task>{} : std::vector<Task>{*lowest};
}

std::optional<Task> ScheduleOfTrials::next(
    const std::function<bool(const Task&)>& may_start) const {
  std::optional<Task> chosen;
  for (int64_t point = 0; point < static_cast<int64_t>(points_.size()); ++point) {
    const PointState& state = points_[static_cast<size_t>(point)];
    for (int64_t repeat = 0; repeat < static_cast<int64_t>(state.trials.size()); ++repeat) {
      const TrialState& trial = state.trials[static_cast<size_t>(repeat)];
      if (trial.running || !trial.failure.empty() || trial.figures.count(state.promoted_to) > 0)
        continue;
      const Task task{.trial = {.point = point, .repeat = repeat}, .rung = state.promoted_to};
      // Higher rungs first: those points have shown that they are good.
      if ((!chosen || task.rung > chosen->rung) && (!may_start || may_start(task))) chosen = task;
    }
  }
  return chosen;
}

bool ScheduleOfTrials::anything_running() const {
  return std::any_of(points_.begin(), points_.end(), [](const PointState& point) {
    return std::any_of(point.trials.begin(), point.trials.end(),
                       [](const TrialState& trial) { return trial.running; });
  });
}

std::optional<int64_t> ScheduleOfTrials::best() const {
  for (size_t rung = sweep_->rungs.size(); rung-- > 0;) {
    const std::vector<int64_t> reached = sorted_at(rung);
    if (!reached.empty() && std::isfinite(rank_value(reached.front(), rung)))
      return reached.front();
  }
  return std::nullopt;
}

int64_t ScheduleOfTrials::steps_done() const {
  int64_t steps = 0;
  for (const PointState& point : points_) {
    for (const TrialState& trial : point.trials) {
      if (trial.figures.empty()) continue;
      const auto step = trial.figures.rbegin()->second.find("step");
      if (step != trial.figures.rbegin()->second.end()) steps += static_cast<int64_t>(step->second);
    }
  }
  return steps;
}

}  // namespace candor::launch
