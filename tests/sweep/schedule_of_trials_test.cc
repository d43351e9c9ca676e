// Halving: who goes on, that synchronous halving doesn't depend on who is faster, and what failures
// do.
#include "launch/sweep/schedule_of_trials.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <set>

namespace candor::launch {
namespace {

SweepConfig sweep_of(Halving halving, std::vector<int64_t> rungs, int64_t repeats = 1) {
  SweepConfig sweep;
  sweep.halving = halving;
  sweep.rungs = std::move(rungs);
  sweep.factor = 3;
  sweep.repeat_seeds = repeats;
  sweep.objectives = {{.metric = "auroc", .larger_is_better = true}};
  return sweep;
}

// What a point is worth; more steps show it more exactly.
double worth(int64_t point, size_t rung) {
  return static_cast<double>(point * 37 % 27) / 27 +
         (rung == 0 ? 0.01 * static_cast<double>(point % 5) : 0);
}

struct Done {
  int64_t best = -1;
  int64_t steps = 0;
  std::vector<int64_t> at_the_end;
  int starts = 0;
};

double worth_of_the_later(int64_t point, size_t) { return static_cast<double>(point); }

// Runs all trials on so many slots; which of those that run ends next is chosen at random.
Done run(const SweepConfig& sweep, int64_t points, size_t slots, unsigned seed,
         const std::set<int64_t>& failing = {}, double (*worth_of)(int64_t, size_t) = worth) {
  ScheduleOfTrials schedule(sweep);
  std::mt19937 numbers(seed);
  std::vector<Task> running;
  Done done;
  for (;;) {
    const bool all = static_cast<int64_t>(schedule.points().size()) == points;
    for (const Task& task : schedule.promotions_now(all, running.size() < slots))
      schedule.promoted(task.trial.point, task.rung);
    while (running.size() < slots) {
      auto task = schedule.next();
      if (!task && static_cast<int64_t>(schedule.points().size()) < points) {
        schedule.add_point({});
        task = schedule.next();
      }
      if (!task) break;
      schedule.started(*task);
      running.push_back(*task);
      ++done.starts;
    }
    if (running.empty()) {
      if (schedule.due_promotions(static_cast<int64_t>(schedule.points().size()) == points).empty())
        break;
      continue;
    }
    const size_t ends = numbers() % running.size();
    const Task task = running[ends];
    running.erase(running.begin() + static_cast<std::ptrdiff_t>(ends));
    if (failing.count(task.trial.point) > 0 && task.trial.repeat == 0) {
      schedule.failed(task, "it broke", 4);
    } else {
      schedule.finished(task, {{"auroc", worth_of(task.trial.point, task.rung)},
                               {"step", static_cast<double>(sweep.rungs[task.rung])}});
    }
  }
  done.best = schedule.best().value_or(-1);
  done.steps = schedule.steps_done();
  for (int64_t point = 0; point < points; ++point) {
    if (schedule.rung_reached(point) == sweep.rungs.size() - 1) done.at_the_end.push_back(point);
  }
  return done;
}

TEST(ScheduleOfTrials, WithoutHalvingEveryPointIsTrainedOnceToTheEnd) {
  const SweepConfig sweep = sweep_of(Halving::kNone, {90});
  const Done done = run(sweep, 27, 4, 1);
  EXPECT_EQ(done.starts, 27);
  EXPECT_EQ(done.at_the_end.size(), 27U);
  EXPECT_EQ(done.steps, 27 * 90);
}

TEST(ScheduleOfTrials, SynchronousHalvingGivesTheSameForAnySpeedAndNumberOfSlots) {
  const SweepConfig sweep = sweep_of(Halving::kSynchronous, {10, 30, 90});
  const Done once = run(sweep, 27, 1, 1);
  EXPECT_EQ(once.at_the_end.size(), 3U);
  EXPECT_EQ(once.starts, 27 + 9 + 3);
  EXPECT_EQ(once.steps, 27 * 10 + 9 * 20 + 3 * 60);
  for (const size_t slots : {2, 5, 40}) {
    for (unsigned seed = 0; seed < 20; ++seed) {
      const Done again = run(sweep, 27, slots, seed);
      EXPECT_EQ(again.best, once.best);
      EXPECT_EQ(again.at_the_end, once.at_the_end);
    }
  }
}

TEST(ScheduleOfTrials, AsynchronousHalvingPromotesWithoutWaitingAndFindsAGoodPoint) {
  const SweepConfig sweep = sweep_of(Halving::kAsynchronous, {10, 30, 90});
  for (const size_t slots : {1, 4, 8}) {
    for (unsigned seed = 0; seed < 20; ++seed) {
      const Done done = run(sweep, 54, slots, seed);
      EXPECT_FALSE(done.at_the_end.empty());
      EXPECT_GE(worth(done.best, 2), 0.9) << slots << " " << seed;
      EXPECT_LT(done.steps, 54 * 90 / 2);
    }
  }
  ScheduleOfTrials schedule(sweep);
  for (int64_t point = 0; point < 3; ++point) {
    schedule.add_point({});
    schedule.finished({.trial = {.point = point}, .rung = 0}, {{"auroc", worth(point, 0)}});
  }
  EXPECT_EQ(schedule.due_promotions(false).size(), 1U)
      << "one of three goes on, whatever is still to come";
}

// As in a grid whose last learning rates are the best: each would be among the best so far.
TEST(ScheduleOfTrials, AsynchronousHalvingInAnUnluckyOrderCostsLittleMore) {
  SweepConfig sweep = sweep_of(Halving::kAsynchronous, {10, 30, 90});
  const int64_t synchronous =
      run(sweep_of(Halving::kSynchronous, {10, 30, 90}), 54, 4, 1, {}, worth_of_the_later).steps;
  for (const size_t slots : {1, 2, 4}) {
    const Done done = run(sweep, 54, slots, 1, {}, worth_of_the_later);
    EXPECT_EQ(done.best, 53);
    EXPECT_LE(done.steps, synchronous * 9 / 8) << slots;
  }
  sweep.max_hours = 1;
  const Done hurried = run(sweep, 54, 2, 1, {}, worth_of_the_later);
  EXPECT_EQ(hurried.best, 53);
  EXPECT_GT(hurried.steps, synchronous * 5 / 4)
      << "with a limit of time, it has results early instead";
}

TEST(ScheduleOfTrials, FewPointsStillGetToTheEnd) {
  for (const Halving halving : {Halving::kSynchronous, Halving::kAsynchronous}) {
    const SweepConfig sweep = sweep_of(halving, {10, 30, 90});
    for (const int64_t points : {1, 2, 4}) {
      EXPECT_GE(run(sweep, points, 2, 3).at_the_end.size(), 1U) << points;
    }
  }
}

TEST(ScheduleOfTrials, AFailedPointIsLeftOutAndTheOthersFinish) {
  for (const Halving halving : {Halving::kNone, Halving::kSynchronous, Halving::kAsynchronous}) {
    const SweepConfig sweep =
        sweep_of(halving, halving == Halving::kNone ? std::vector<int64_t>{90}
                                                    : std::vector<int64_t>{10, 30, 90});
    const int64_t best = run(sweep, 27, 4, 1).best;
    const Done done = run(sweep, 27, 4, 1, {best, 3, 5});
    EXPECT_NE(done.best, best);
    EXPECT_GE(done.best, 0);
    EXPECT_GT(worth(done.best, 2), 0.8);
    EXPECT_EQ(run(sweep, 3, 4, 1, {0, 1, 2}).best, -1) << "all failed";
  }
}

TEST(ScheduleOfTrials, RepeatedSeedsAreComparedByTheirMeanAndAFailedOneDoesntCount) {
  const SweepConfig sweep = sweep_of(Halving::kNone, {90}, 2);
  ScheduleOfTrials schedule(sweep);
  schedule.add_point({});
  schedule.add_point({});
  const auto finish = [&](int64_t point, int64_t repeat, double value) {
    schedule.finished({.trial = {.point = point, .repeat = repeat}, .rung = 0},
                      {{"auroc", value}, {"step", 90}});
  };
  finish(0, 0, 0.9);
  EXPECT_FALSE(schedule.rung_reached(0).has_value()) << "the other seed is still to come";
  finish(0, 1, 0.5);
  finish(1, 0, 0.8);
  finish(1, 1, 0.7);
  EXPECT_DOUBLE_EQ(*schedule.value(0, 0, sweep.objectives[0]), 0.7);
  EXPECT_EQ(schedule.best(), 1);
  schedule.failed({.trial = {.point = 0, .repeat = 1}, .rung = 0}, "it broke", 4);
  EXPECT_EQ(schedule.best(), 0);
  EXPECT_EQ((TrialId{7, 0}.text()), "0007");
  EXPECT_EQ((TrialId{7, 2}.text()), "0007.2");
}

}  // namespace
}  // namespace candor::launch
