// How fast the ranks add up a tensor, by its size: latency, algbw (bytes a second of the tensor)
// and busbw (what each rank's link carries in a ring, to be compared with the link's rate).
//
// The tensors are int64, as candor's reproducible gradient sum sends them, and the first sum of
// every size is compared with the exact one. Times include candor's own comparison of calls
// (ProcessGroupOptions::check_agreement).
// Source of the figures: nccl-tests, doc/PERFORMANCE.md; busbw = algbw 2 (n-1)/n.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "comm/process_group.h"

namespace candor::launch {

struct BandwidthOptions {
  int64_t smallest_bytes = 4 << 10,
          largest_bytes = 256 << 20;  // times four from one size to the next
  double seconds =
      10;  // for all sizes together; a size that won't fit into what is left is left out
  double longest_call_s = 5;  // a single sum that would take longer is left out too: it must end
                              // before the group's deadline
  int most_repeats = 20;
};

struct BandwidthRow {
  int64_t bytes = 0;
  int64_t repeats = 0;
  double seconds = 0;  // of one sum: the median over the repeats, of the slowest rank
  double best_s = 0;   // the quickest
  bool exact = true;   // the first sum was right on every rank
};

struct Bandwidth {
  int ranks = 1;
  std::vector<BandwidthRow> rows{};
  std::string left_out{};  // which sizes, and why; empty: none
};

double algbw(const BandwidthRow& row);  // bytes a second
double busbw(const BandwidthRow& row, int ranks);
double link_busbw(
    const Bandwidth& bandwidth);  // the best of 1 MiB and more, or of the largest; 0 without rows

// Whether a size may be tried, by what the size before took: a sum of four times the bytes takes at
// most four times as long.
bool fits(const BandwidthRow& before, double spent_s, const BandwidthOptions& options);
int64_t repeats_of(double first_seconds, const BandwidthOptions& options);

// Collective over `group`, on its device; `host` agrees on times. The same on all ranks.
Bandwidth measure_bandwidth(comm::ProcessGroup& group, comm::ProcessGroup& host,
                            const BandwidthOptions& options);

// Of one sum of `bytes` between two hosts' first ranks: busbw of host 0's with every other one's,
// in bytes a second; by host, entry 0 is 0. `first_ranks`: of each host. Collective.
std::vector<double> measure_pairs(comm::ProcessGroup& group, comm::ProcessGroup& host,
                                  const std::vector<int>& first_ranks, int64_t bytes);

// A line a size, below a heading.
std::string table_of(const Bandwidth& bandwidth);

// "busbw reached 3.1 of the expected 100 Gbit/s (3 %)"; bytes a second.
std::string share_text(double reached, double expected_gbit);
bool is_slow(double reached, double expected_gbit);  // below half

}  // namespace candor::launch
