#include "launch/cluster/doctor_command.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "comm/comm_error.h"
#include "comm/mpi_version.h"
#include "data_pipeline/tokenizer/pcre2_version.h"
#include "launch/cluster/clock_difference.h"
#include "launch/cluster/link_bandwidth.h"
#include "launch/cluster/rank_state.h"
#include "launch/cluster/readiness.h"
#include "launch/cluster/run_inputs.h"
#include "launch/ranks/device_setup.h"
#include "launch/ranks/exit_codes.h"

namespace candor::launch {
namespace {

constexpr double kClockWarningSeconds =
    1;  // logs and time stamps of the hosts can't be read side by side
constexpr int64_t kPairBytes = 4 << 20;
constexpr double kPairSumSeconds = 0.3;  // the longest sum between two hosts

std::optional<RunConfigAndWarnings> config_of(const DoctorArguments& arguments) {
  if (arguments.config.empty()) return std::nullopt;
  try {
    return read_run_config_and_warnings(arguments.config, arguments.overrides);
  } catch (const std::exception&) {
    return std::nullopt;  // this rank's state says why
  }
}

void print_build(const RankState& first) {
  fmt::print("candor {}, {} build by {} {}, {}\n", CANDOR_VERSION, CANDOR_BUILD_TYPE,
             CANDOR_COMPILER, __VERSION__, CANDOR_BACKENDS);
  fmt::print("  executable {}\n  libtorch {}\n  {}\n  HDF5 {}\n  PCRE2 {}\n  yaml-cpp {}\n",
             first.executable, first.libtorch, first.mpi, first.hdf5, data::pcre2_library_version(),
             CANDOR_YAML_CPP_VERSION);
}

void print_ranks(const std::vector<RankState>& ranks) {
  for (size_t rank = 0; rank < ranks.size(); ++rank) {
    const RankState& r = ranks[rank];
    fmt::print("rank {} of {}: host {}, local rank {} of {}, {} threads, {}\n", rank, ranks.size(),
               r.host, r.local_rank, r.local_world_size, r.threads,
               r.gpus.empty() ? "no GPU that this build can use"
                              : fmt::format("GPUs: {}", fmt::join(r.gpus, ", ")));
    if (r.local_rank == 0) fmt::print("  {} [{}], {}\n", r.processor, r.kind, r.features);
  }
  if (ranks.size() == 1) fmt::print("one rank; for more: mpirun -np N --bind-to none candor ...\n");
}

void print_inputs(const std::string& path, const RankState& first) {
  if (path.empty()) return;
  fmt::print("config {}\n", path);
  if (!first.questions.empty()) fmt::print("  questions {}\n", first.questions);
  if (!first.model.empty()) fmt::print("  model {}\n", first.model);
}

// On rank 0.
void judge_clocks(const std::vector<ClockDifference>& clocks, const std::vector<RankState>& ranks,
                  Readiness& readiness) {
  if (hosts_of(ranks).size() < 2) return;
  for (size_t rank = 1; rank < clocks.size(); ++rank) {
    if (ranks[rank].local_rank != 0) continue;
    const ClockDifference& clock = clocks[rank];
    fmt::print("clock of {}: {:+.6f} s from {}'s, give or take {:.6f} s\n", ranks[rank].host,
               clock.seconds, ranks[0].host, clock.uncertainty_s);
    if (std::abs(clock.seconds) - clock.uncertainty_s > kClockWarningSeconds) {
      readiness.warnings.push_back(fmt::format(
          "{}: its clock is {:.1f} s {} {}'s: let NTP set both, or logs can't be read side by side",
          ranks[rank].host, std::abs(clock.seconds), clock.seconds > 0 ? "ahead of" : "behind",
          ranks[0].host));
    }
  }
}

// A size for pairs of hosts: the largest that all ranks together were quick with.
int64_t pair_bytes(const Bandwidth& bandwidth) {
  int64_t bytes = bandwidth.rows.at(0).bytes;
  for (const BandwidthRow& row : bandwidth.rows) {
    if (row.bytes <= kPairBytes && row.seconds <= kPairSumSeconds) bytes = row.bytes;
  }
  return bytes;
}

// A sum holds its tensor and MPI's copy on every rank.
int64_t largest_bytes(const std::vector<RankState>& ranks, int64_t otherwise) {
  for (const RankState& r : ranks) {
    if (r.memory_bytes > 0)
      otherwise = std::min(otherwise, r.memory_bytes / (8 * r.local_world_size));
  }
  return otherwise;
}

class Measurement {
 public:
  Measurement(RunContext& context, const std::vector<RankState>& ranks)
      : arguments_(context.arguments.doctor), host_(context.group), ranks_(ranks) {}

  void go(Readiness& readiness) {
    if (ranks_.size() == 1) {
      fmt::print("all-reduce: one rank has nobody to exchange with\n");
      return;
    }
    const bool gpus =
        ranks_[0].device != "cpu" &&
        std::all_of(ranks_.begin(), ranks_.end(), [](const RankState& r) { return r.has_gpu; });
    const auto group = make_compute_group(gpus ? DeviceChoice::kCuda : DeviceChoice::kCpu, host_,
                                          arguments_.timeout_s);
    BandwidthOptions options;
    options.longest_call_s = std::min(options.longest_call_s, arguments_.timeout_s / 4);
    options.largest_bytes = largest_bytes(ranks_, options.largest_bytes);
    say(fmt::format("all-reduce of int64 on {} ranks, {}:\n", ranks_.size(),
                    gpus ? "GPUs by NCCL" : "processors by MPI"));
    const Bandwidth bandwidth = measure_bandwidth(*group, host_, options);
    say(table_of(bandwidth));
    if (std::any_of(bandwidth.rows.begin(), bandwidth.rows.end(),
                    [](const BandwidthRow& row) { return !row.exact; })) {
      readiness.problems.push_back(
          "all-reduce gave wrong sums: the network, MPI or NCCL is broken; try another interface "
          "or transport");
    }
    judge_links(bandwidth, *group, readiness);
  }

 private:
  void say(const std::string& text) const {
    if (host_.rank() != 0) return;
    fmt::print("{}", text);
    std::fflush(stdout);
  }

  void judge_links(const Bandwidth& bandwidth, comm::ProcessGroup& group, Readiness& readiness) {
    const double reached = link_busbw(bandwidth);
    std::vector<int> first_ranks;
    std::vector<std::string> hosts;
    for (size_t rank = 0; rank < ranks_.size(); ++rank) {
      if (std::find(hosts.begin(), hosts.end(), ranks_[rank].host) != hosts.end()) continue;
      hosts.push_back(ranks_[rank].host);
      first_ranks.push_back(static_cast<int>(rank));
    }
    const double expected = arguments_.expected_gbit;
    if (hosts.size() == 1) {
      if (expected > 0)
        say("all ranks are on one host, so no link is compared with --expected-gbit\n");
      return;
    }
    const std::vector<double> pairs =
        measure_pairs(group, host_, first_ranks, pair_bytes(bandwidth));
    for (size_t i = 1; i < hosts.size(); ++i)
      say(fmt::format("  {} with {}: {:.3g} Gbit/s\n", hosts[0], hosts[i], 8 * pairs[i] / 1e9));
    if (expected <= 0) return;
    say(share_text(reached, expected) + "\n");
    const char* const advice =
        "look which interface MPI and NCCL take (docs/clusters.md), and at the link itself";
    std::vector<std::string> slow;
    for (size_t i = 1; i < hosts.size(); ++i) {
      if (is_slow(pairs[i], expected)) slow.push_back(hosts[i]);
    }
    if (!slow.empty()) {
      const std::string whose =
          slow.size() + 1 == hosts.size() && slow.size() > 1
              ? fmt::format("the links from {} to every other host, perhaps its own link", hosts[0])
              : fmt::format("the link from {} to {}", hosts[0], fmt::join(slow, ", "));
      readiness.warnings.push_back(
          fmt::format("{}: below half of the expected {:g} Gbit/s: {}", whose, expected, advice));
    } else if (is_slow(reached, expected)) {
      readiness.warnings.push_back(
          fmt::format("all ranks together: {}, each pair of hosts more than half: {}",
                      share_text(reached, expected), advice));
    }
  }

  const DoctorArguments& arguments_;
  comm::ProcessGroup& host_;
  const std::vector<RankState>& ranks_;
};

int examine(RunContext& context) {
  const DoctorArguments& arguments = context.arguments.doctor;
  comm::ProcessGroup& group = context.group;
  const bool tells = group.rank() == 0;
  RankState mine = this_rank_state(group.rank_info(), arguments.config, arguments.overrides);
  if (tells) print_build(mine);
  const std::optional<RunConfigAndWarnings> read = config_of(arguments);
  identify_inputs(read ? &read->config : nullptr, group, mine);
  std::vector<RankState> ranks;
  for (const std::string& text : group.all_gather_bytes(to_text(mine)))
    ranks.push_back(rank_state_of(text));
  Readiness readiness = readiness_of(ranks);
  if (tells) {
    if (read) {
      readiness.warnings.insert(readiness.warnings.begin(), read->warnings.begin(),
                                read->warnings.end());
    }
    print_ranks(ranks);
    print_inputs(arguments.config, ranks[0]);
    std::fflush(stdout);
  }
  const std::vector<ClockDifference> clocks = measure_clocks(group);
  if (tells) judge_clocks(clocks, ranks, readiness);
  if (arguments.bandwidth || arguments.expected_gbit > 0) Measurement(context, ranks).go(readiness);
  if (tells) {
    for (const std::string& warning : readiness.warnings) fmt::print("WARNING: {}\n", warning);
    for (const std::string& problem : readiness.problems) fmt::print("PROBLEM: {}\n", problem);
    fmt::print("{}\n", verdict_of(readiness, ranks));
  }
  return readiness.problems.empty() ? kExitOk : kExitUserError;
}

}  // namespace

int doctor_command(RunContext& context) {
  try {
    return examine(context);
  } catch (const comm::CommError&) {
    if (context.group.rank() == 0) fmt::print("not ready: the ranks can't reach each other\n");
    throw;
  }
}

RunSection run_section_of(const DoctorArguments& arguments) {
  const std::optional<RunConfigAndWarnings> read = config_of(arguments);
  RunSection section;
  if (read) section.threads_per_rank = read->config.run.threads_per_rank;
  section.timeout_s = arguments.timeout_s;
  section.heartbeat_s = std::min(section.heartbeat_s, arguments.timeout_s);
  return section;
}

}  // namespace candor::launch
