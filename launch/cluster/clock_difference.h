// How far the hosts' clocks are from rank 0's, measured by exchanges between all ranks at once.
//
// Rank 0 notes its time, all ranks exchange something, each notes its time, all exchange these
// notes, and rank 0 notes its time again. A rank's note was made after rank 0's first (the first
// exchange ends nowhere before rank 0 has come to it) and before its last, so the difference lies
// between (note - last) and (note - first), whatever the network does. Of several exchanges the
// bounds are intersected.
// Source: Cristian 1989, "Probabilistic clock synchronization", for one message and its answer;
// here for all ranks in one exchange.
#pragma once

#include <cstdint>
#include <vector>

#include "comm/process_group.h"

namespace candor::launch {

struct ClockExchange {
  int64_t first_ns = 0, last_ns = 0;  // rank 0's clock
  std::vector<int64_t> notes_ns;      // of each rank
};

struct ClockDifference {  // of a rank's clock to rank 0's
  double seconds = 0;     // above 0: ahead
  double uncertainty_s = 0;
};

// By rank. Where a clock was set meanwhile, so that the bounds contradict each other, the last
// exchange alone counts.
std::vector<ClockDifference> clock_differences(const std::vector<ClockExchange>& exchanges);

// Collective. Filled on rank 0, empty on the others.
std::vector<ClockDifference> measure_clocks(comm::ProcessGroup& group);

}  // namespace candor::launch
