// Which point is tried next: from a list, a grid, random numbers, Sobol's sequence, or what has
// gone well so far (TPE).
//
// Proposal number i of a list, a grid, random or Sobol depends on the sweep's seed and i alone. TPE
// also depends on the results that are there when it is asked, so the journal keeps what it
// proposed. Source: Bergstra et al. 2011, "Algorithms for Hyper-Parameter Optimization" (the
// tree-structured Parzen estimator, here each parameter on its own).
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "launch/sweep/sweep_config.h"

namespace candor::launch {

struct Observation {
  Point point;
  double value = 0;  // smaller is better
};

class Proposals {
 public:
  explicit Proposals(const SweepConfig& sweep);

  // How many there are in all.
  size_t count() const { return count_; }

  // Number `index` in [0, count()). observations: of the points that were compared at the most
  // steps, for TPE.
  Point at(size_t index, const std::vector<Observation>& observations) const;

 private:
  std::vector<double> random_unit(size_t index) const;
  std::vector<double> sobol_unit(size_t index) const;
  std::vector<double> tpe_unit(size_t index, const std::vector<Observation>& observations) const;

  const SweepConfig& sweep_;
  std::vector<Point> listed_;  // the points of the file, then a grid's
  size_t count_ = 0;
};

}  // namespace candor::launch
