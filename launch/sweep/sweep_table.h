// A sweep in text: the live table of a terminal, and what --status prints.
#pragma once

#include <cstdio>
#include <map>
#include <string>
#include <vector>

#include "launch/sweep/sweep_controller.h"

namespace candor::launch {

// The values as a row of block characters, the lowest at the bottom; "" for none. At most `width`
// of them, the last.
std::string sparkline(const std::vector<double>& values, size_t width);

// One line a point, best first: place, number, steps, objectives, failures, values. At most `most`
// points.
std::string ranking_text(const SweepConfig& sweep, const ScheduleOfTrials& schedule, size_t most);

// Rewritten in place on a terminal; elsewhere only the events, a line each.
class SweepDisplay {
 public:
  explicit SweepDisplay(const TrialFiles& files, std::FILE* stream = stderr);

  void event(const std::string& line);
  void tick(const SweepProgress& progress);
  void finish();

 private:
  std::string table(const SweepProgress& progress);
  void erase_table();

  const TrialFiles& files_;
  std::FILE* stream_;
  bool terminal_;
  int lines_shown_ = 0;
  double last_shown_ = 0;
};

}  // namespace candor::launch
