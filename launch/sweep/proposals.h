// Which point is tried next: from a list, a grid, random numbers, Sobol's sequence, or what has
// gone well so far (TPE).
//
// No point is proposed twice, nor one that trains with the same config as another; so a space of
// choices and integers may run out. A proposal of a list, a grid, random or Sobol depends on the
// sweep's seed and the points before it alone. TPE also depends on the results that are there when
// it is asked, so the journal keeps what it proposed. Source: Bergstra et al. 2011, "Algorithms for
// Hyper-Parameter Optimization" (the tree-structured Parzen estimator, here each parameter on its
// own).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "launch/sweep/sweep_config.h"

namespace candor::launch {

struct Observation {
  Point point;
  double value = 0;  // smaller is better
};

constexpr size_t kRandomBeforeTpe = 10;  // results before there is something to learn from

class Proposals {
 public:
  explicit Proposals(const SweepConfig& sweep);

  // How many there are in all; at most, until next() has found no more.
  size_t count() const { return count_; }
  bool all_made() const { return made_ >= count_; }

  // The next point; nothing: there is no other. It counts once it is added. observations: of the
  // points that were compared at the most steps, for TPE.
  std::optional<Point> next(const std::vector<Observation>& observations);
  // In order: those of an earlier session, and what next() gave.
  void add(const Point& point);

 private:
  Point drawn(uint64_t attempt, const std::vector<Observation>& observations) const;
  std::vector<double> random_unit(uint64_t attempt) const;
  std::vector<double> sobol_unit(size_t index) const;
  std::vector<double> tpe_unit(uint64_t attempt,
                               const std::vector<Observation>& observations) const;
  std::optional<Point> any_that_is_left();
  bool is_new(const Point& point);

  const SweepConfig& sweep_;
  std::vector<Point> listed_;  // the points of the file, then a grid's
  size_t listed_done_ = 0;
  size_t made_ = 0;
  size_t count_ = 0;
  std::set<std::string> trained_;             // as PointCheck has them, of those that were added
  std::map<std::string, std::string> known_;  // the same of every point looked at, by its text
};

}  // namespace candor::launch
