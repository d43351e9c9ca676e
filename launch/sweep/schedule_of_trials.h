// Which training comes next: how far each point has come, and which is worth going on with. No
// processes, no clock, no files: what the journal replays.
//
// A rung is a number of steps at which points are compared, by the mean of the objective over their
// trainings (sweep.repeat_seeds).
// none: every point trains to the end. synchronous: all points reach a rung, then the best 1/factor
// go on; so the result doesn't depend on who was faster. asynchronous (ASHA): a point goes on as
// soon as it is among the best 1/factor of those that have reached its rung so far; no slot waits.
// Source: Li et al. 2020, "A System for Massively Parallel Hyperparameter Tuning", algorithm 2.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "launch/sweep/sweep_config.h"

namespace candor::launch {

// One training of a point, by its number and the number of its seed.
struct TrialId {
  int64_t point = 0, repeat = 0;
  auto operator<=>(const TrialId&) const = default;
  std::string text() const;  // "0007" or "0007.2"
};

struct Task {
  TrialId trial;
  size_t rung = 0;
  bool operator==(const Task&) const = default;
};

struct TrialState {
  std::map<size_t, std::map<std::string, double>>
      figures{};  // by rung reached: the validation figures there
  bool running = false;
  std::string failure{};  // why it was given up
  int exit_code = 0;      // with which it ended then
};

struct PointState {
  Point point;
  std::vector<TrialState> trials;  // by repeat
  size_t promoted_to = 0;          // the highest rung that it may train to
};

class ScheduleOfTrials {
 public:
  explicit ScheduleOfTrials(const SweepConfig& sweep) : sweep_(&sweep) {}  // which must outlive it

  void add_point(Point point);
  void started(const Task& task) { trial(task.trial).running = true; }
  void finished(const Task& task, std::map<std::string, double> figures);
  void failed(const Task& task, const std::string& why, int exit_code);
  // The training was broken off and will be begun again.
  void interrupted(const Task& task) { trial(task.trial).running = false; }
  void promoted(int64_t point, size_t rung) {
    points_[static_cast<size_t>(point)].promoted_to = rung;
  }

  // Promotions that are due, in order. all_proposed: no more points will be added.
  std::vector<Task> due_promotions(bool all_proposed) const;
  // Those of them to make now; the caller records them and then calls promoted(). Asynchronous
  // halving without a limit of time makes one when a slot has nothing else to do, to the lowest
  // rung first: as long as no slot is idle, a decision on fewer points would only be a worse one.
  std::vector<Task> promotions_now(bool all_proposed, bool slot_is_free) const;
  // A training that may start now, of those that `may_start` allows; nothing: wait for one that
  // runs, or propose another point.
  std::optional<Task> next(const std::function<bool(const Task&)>& may_start = {}) const;
  bool anything_running() const;

  const std::vector<PointState>& points() const { return points_; }
  // Mean of the metric over the trainings that reached the rung; nothing until all that live have,
  // or if none lives.
  std::optional<double> value(int64_t point, size_t rung, const Objective& objective) const;
  // The same with the sign that makes smaller better, of the first objective; infinity for a point
  // that failed.
  double rank_value(int64_t point, size_t rung) const;
  bool has_failed(int64_t point) const;
  // Of the first training that was given up; nothing: none was.
  std::optional<TrialState> first_failure() const;
  std::optional<size_t> rung_reached(int64_t point) const;
  // The best of those that have come furthest; ties go to the lower number. Nothing before the
  // first result.
  std::optional<int64_t> best() const;

  int64_t steps_done() const;  // of all trainings, as their figures say in "step"

 private:
  TrialState& trial(const TrialId& id) {
    return points_[static_cast<size_t>(id.point)].trials[static_cast<size_t>(id.repeat)];
  }
  std::vector<int64_t> sorted_at(size_t rung) const;  // points that have a result there, best first

  const SweepConfig* sweep_;
  std::vector<PointState> points_;
};

}  // namespace candor::launch
