#include "launch/cluster/link_bandwidth.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>

namespace candor::launch {
namespace {

constexpr int64_t kLinkBytes = 1 << 20;  // below, buffers on the way may take all of it

double now_s() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// The largest of the ranks' values.
double agreed(double mine, comm::ProcessGroup& host) {
  at::Tensor value = at::tensor({mine}, at::kDouble);
  host.all_reduce_max(value);
  return value[0].item<double>();
}

// Ranks 1 + 2 + ... + n at both ends, if nothing is lost on the way. Reading an element also waits
// for the device.
bool first_sum_is_exact(at::Tensor& tensor, comm::ProcessGroup& group) {
  tensor.fill_(group.rank() + 1);
  group.all_reduce_sum(tensor);
  const int64_t n = group.world_size(), expected = n * (n + 1) / 2;
  return tensor[0].item<int64_t>() == expected && tensor[-1].item<int64_t>() == expected;
}

// Of each repeat, in ascending order.
std::vector<double> repeated(at::Tensor& zeros, int64_t repeats, comm::ProcessGroup& group) {
  std::vector<double> seconds;
  for (int64_t i = 0; i < repeats; ++i) {
    const double begun = now_s();
    group.all_reduce_sum(zeros);
    zeros[0].item<int64_t>();
    seconds.push_back(now_s() - begun);
  }
  std::sort(seconds.begin(), seconds.end());
  return seconds;
}

BandwidthRow measure_one(int64_t bytes, comm::ProcessGroup& group, comm::ProcessGroup& host,
                         const BandwidthOptions& options) {
  BandwidthRow row{.bytes = bytes};
  at::Tensor tensor =
      at::empty({bytes / 8}, at::TensorOptions().dtype(at::kLong).device(group.device()));
  host.barrier();
  const double begun = now_s();
  const bool exact = first_sum_is_exact(tensor, group);
  row.repeats = repeats_of(agreed(now_s() - begun, host), options);
  row.exact = agreed(exact ? 0 : 1, host) == 0;
  tensor.zero_();  // sums of zeros stay in range
  host.barrier();
  const std::vector<double> seconds = repeated(tensor, row.repeats, group);
  row.seconds = agreed(seconds[seconds.size() / 2], host);
  row.best_s = agreed(seconds[0], host);
  return row;
}

std::string size_text(int64_t bytes) {
  return bytes >= 1 << 20 ? fmt::format("{} MiB", bytes >> 20) : fmt::format("{} KiB", bytes >> 10);
}

}  // namespace

double algbw(const BandwidthRow& row) {
  return row.seconds > 0 ? static_cast<double>(row.bytes) / row.seconds : 0;
}

double busbw(const BandwidthRow& row, int ranks) { return algbw(row) * 2 * (ranks - 1) / ranks; }

double link_busbw(const Bandwidth& bandwidth) {
  double best = 0;
  for (const BandwidthRow& row : bandwidth.rows) {
    if (row.bytes >= kLinkBytes || &row == &bandwidth.rows.back())
      best = std::max(best, busbw(row, bandwidth.ranks));
  }
  return best;
}

bool fits(const BandwidthRow& before, double spent_s, const BandwidthOptions& options) {
  const double call_s = 4 * before.seconds;
  return call_s <= options.longest_call_s &&
         spent_s + 2 * call_s <= options.seconds;  // the first sum, and one that counts
}

int64_t repeats_of(double first_seconds, const BandwidthOptions& options) {
  const double share = options.seconds / 10;  // a tenth of the time for each size
  return std::clamp<int64_t>(static_cast<int64_t>(share / std::max(first_seconds, 1e-9)), 1,
                             options.most_repeats);
}

Bandwidth measure_bandwidth(comm::ProcessGroup& group, comm::ProcessGroup& host,
                            const BandwidthOptions& options) {
  Bandwidth bandwidth{.ranks = group.world_size()};
  const double begun = now_s();
  for (int64_t bytes = options.smallest_bytes; bytes <= options.largest_bytes; bytes *= 4) {
    if (!bandwidth.rows.empty() &&
        !fits(bandwidth.rows.back(), agreed(now_s() - begun, host), options)) {
      bandwidth.left_out = fmt::format("{} and more, which would take too long", size_text(bytes));
      break;
    }
    bandwidth.rows.push_back(measure_one(bytes, group, host, options));
  }
  return bandwidth;
}

std::vector<double> measure_pairs(comm::ProcessGroup& group, comm::ProcessGroup& host,
                                  const std::vector<int>& first_ranks, int64_t bytes) {
  std::vector<double> rates(first_ranks.size());
  for (size_t other = 1; other < first_ranks.size(); ++other) {
    const bool takes_part = group.rank() == first_ranks[0] || group.rank() == first_ranks[other];
    const auto pair = group.split(takes_part ? 0 : -1, group.rank());
    double seconds = 0;
    if (pair) {
      at::Tensor zeros =
          at::zeros({bytes / 8}, at::TensorOptions().dtype(at::kLong).device(pair->device()));
      seconds = repeated(zeros, 3, *pair)[1];
    }
    rates[other] = busbw({.bytes = bytes, .seconds = agreed(seconds, host)}, 2);
  }
  return rates;
}

std::string table_of(const Bandwidth& bandwidth) {
  std::string text =
      fmt::format("  {:>8} {:>8} {:>10} {:>12} {:>12} {:>12} {:>14}\n", "size", "repeats",
                  "best ms", "median ms", "algbw GB/s", "busbw GB/s", "busbw Gbit/s");
  for (const BandwidthRow& row : bandwidth.rows) {
    const double bus = busbw(row, bandwidth.ranks);
    text += fmt::format("  {:>8} {:>8} {:>10.3f} {:>12.3f} {:>12.3f} {:>12.3f} {:>14.3f}\n",
                        size_text(row.bytes), row.repeats, 1e3 * row.best_s, 1e3 * row.seconds,
                        algbw(row) / 1e9, bus / 1e9, 8 * bus / 1e9);
  }
  if (!bandwidth.left_out.empty()) text += fmt::format("  left out: {}\n", bandwidth.left_out);
  return text;
}

std::string share_text(double reached, double expected_gbit) {
  const double gbit = 8 * reached / 1e9;
  return fmt::format("busbw reached {:.3g} of the expected {:g} Gbit/s ({:.0f} %)", gbit,
                     expected_gbit, 100 * gbit / expected_gbit);
}

bool is_slow(double reached, double expected_gbit) { return 8 * reached / 1e9 < expected_gbit / 2; }

}  // namespace candor::launch
