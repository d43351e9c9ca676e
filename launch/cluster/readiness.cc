#include "launch/cluster/readiness.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <functional>
#include <map>
#include <set>
#include <utility>

#include "launch/ranks/rank_agreement.h"

namespace candor::launch {
namespace {

using Ranks = std::vector<RankState>;

std::string short_hash(const std::string& value) {
  const bool is_hash =
      value.size() > 16 && value.find_first_not_of("0123456789abcdef") == std::string::npos;
  return is_hash ? value.substr(0, 12) + "..." : value;
}

std::string counted(size_t number, const char* singular, const char* plural) {
  return fmt::format("{} {}", number, number == 1 ? singular : plural);
}

struct Comparison {
  const char* what;
  std::string RankState::*member;
  const char* remedy;
};

// Empty on rank 0 never means anything but "not asked for", except for files, which one rank a host
// looks at.
constexpr Comparison kMustBeEqual[] = {
    {"candor", &RankState::candor, "use one build on every host"},
    {"candor's executable has SHA-256", &RankState::executable, "copy one build to every host"},
    {"libtorch", &RankState::libtorch,
     "install the same version everywhere (launch/setup/install.sh)"},
    {"MPI", &RankState::mpi,
     "load the same MPI on every host (PATH and LD_LIBRARY_PATH of shells that aren't "
     "interactive)"},
    {"HDF5", &RankState::hdf5, "install the same version everywhere (launch/setup/install.sh)"},
    {"processor", &RankState::kind,
     "results would depend on who computes what, and commands refuse: use hosts of one kind"},
    {"data.questions has the hash", &RankState::questions,
     "copy one file to every host, or share the folder"},
    {"the model has the identity", &RankState::model,
     "copy one model folder to every host, or share it"},
};

// Whatever differs from rank 0's, once for each value. Files are known on one rank a host: empty
// ones are passed over.
void compare(const Ranks& ranks, const Comparison& comparison, std::vector<std::string>& found) {
  const std::string& expected = ranks[0].*comparison.member;
  std::map<std::string, std::vector<size_t>> others;
  for (size_t rank = 1; rank < ranks.size(); ++rank) {
    const std::string& value = ranks[rank].*comparison.member;
    if (value != expected && !value.empty()) others[value].push_back(rank);
  }
  if (expected.empty()) return;
  for (const auto& [value, where] : others) {
    found.push_back(fmt::format("{}: {} {}, {} on rank 0 ({}): {}", who(where, ranks),
                                comparison.what, short_hash(value), short_hash(expected),
                                ranks[0].host, comparison.remedy));
  }
}

// What a rank says went wrong, told once for all that say the same.
void tell_own(const Ranks& ranks, std::string RankState::*member, std::vector<std::string>& found) {
  std::map<std::string, std::vector<size_t>> told;
  for (size_t rank = 0; rank < ranks.size(); ++rank) {
    if (!(ranks[rank].*member).empty()) told[ranks[rank].*member].push_back(rank);
  }
  for (const auto& [text, where] : told)
    found.push_back(fmt::format("{}: {}", who(where, ranks), text));
}

void compare_configs(const Ranks& ranks, std::vector<std::string>& found) {
  tell_own(ranks, &RankState::config_problem, found);
  if (ranks[0].config_yaml.empty()) return;
  std::map<std::string, std::vector<size_t>> others;
  for (size_t rank = 1; rank < ranks.size(); ++rank) {
    const std::string& yaml = ranks[rank].config_yaml;
    if (!yaml.empty() && yaml != ranks[0].config_yaml) others[yaml].push_back(rank);
  }
  for (const auto& [yaml, where] : others) {
    const auto [theirs, expected] = first_difference(yaml, ranks[0].config_yaml);
    found.push_back(
        fmt::format("{}: another config: `{}`, rank 0 ({}) has `{}`: give every host the same file",
                    who(where, ranks), theirs, ranks[0].host, expected));
  }
}

void compare_threads(const Ranks& ranks, Readiness& readiness) {
  std::map<int64_t, std::vector<size_t>> others;
  std::map<std::string, int64_t> threads_on;
  std::vector<size_t> crowded;
  for (size_t rank = 0; rank < ranks.size(); ++rank) {
    const RankState& state = ranks[rank];
    if (state.threads != ranks[0].threads) others[state.threads].push_back(rank);
    threads_on[state.host] += state.threads;
    if (state.threads > state.cores) crowded.push_back(rank);
  }
  for (const auto& [threads, where] : others) {
    readiness.problems.push_back(
        fmt::format("{}: {}, {} on rank 0 ({}): set run.threads_per_rank to one number for all",
                    who(where, ranks), counted(static_cast<size_t>(threads), "thread", "threads"),
                    ranks[0].threads, ranks[0].host));
  }
  if (!crowded.empty()) {
    const RankState& first = ranks[crowded[0]];
    readiness.warnings.push_back(fmt::format(
        "{}: {} threads a rank, bound to {}: give mpirun --bind-to none, or --map-by slot:PE={}",
        who(crowded, ranks), first.threads,
        counted(static_cast<size_t>(first.cores), "core", "cores"), first.threads));
  }
  std::set<std::string> told;
  for (const RankState& state : ranks) {
    if (threads_on[state.host] <= state.host_cores || !told.insert(state.host).second) continue;
    readiness.warnings.push_back(fmt::format(
        "{}: {} threads on {}: start fewer ranks there, or set run.threads_per_rank lower",
        state.host, threads_on[state.host],
        counted(static_cast<size_t>(state.host_cores), "core", "cores")));
  }
}

void compare_gpus(const Ranks& ranks, Readiness& readiness) {
  std::vector<size_t> without;
  for (size_t rank = 0; rank < ranks.size(); ++rank) {
    if (!ranks[rank].has_gpu) without.push_back(rank);
  }
  const std::string& device = ranks[0].device;
  if (device == "cpu" || without.size() == ranks.size()) {
    if (device == trainer::choice_name(DeviceChoice::kCuda))
      readiness.problems.push_back(
          "model.device is cuda, and no rank has a GPU that this candor can use: build the cuda "
          "preset");
    return;
  }
  if (!without.empty()) {
    const std::string what =
        fmt::format("{}: no GPU for each rank; start one rank a GPU", who(without, ranks));
    if (device == trainer::choice_name(DeviceChoice::kCuda)) {
      readiness.problems.push_back(what);
    } else {
      readiness.warnings.push_back(what + ", or all ranks compute on their processors");
    }
    return;
  }
  std::map<std::string, std::vector<size_t>> others;
  for (size_t rank = 1; rank < ranks.size(); ++rank) {
    if (ranks[rank].gpus.at(0) != ranks[0].gpus.at(0)) others[ranks[rank].gpus[0]].push_back(rank);
  }
  for (const auto& [name, where] : others) {
    readiness.warnings.push_back(
        fmt::format("{}: GPU {}, {} on rank 0 ({}): the slower one sets the pace, and results "
                    "depend on who computes what",
                    who(where, ranks), name, ranks[0].gpus[0], ranks[0].host));
  }
}

}  // namespace

std::vector<std::string> hosts_of(const Ranks& ranks) {
  std::vector<std::string> hosts;
  for (const RankState& state : ranks) {
    if (std::find(hosts.begin(), hosts.end(), state.host) == hosts.end())
      hosts.push_back(state.host);
  }
  return hosts;
}

std::string who(const std::vector<size_t>& chosen, const Ranks& ranks) {
  std::vector<std::string> parts;
  for (const std::string& host : hosts_of(ranks)) {
    std::vector<size_t> of_host;
    for (const size_t rank : chosen) {
      if (ranks[rank].host == host) of_host.push_back(rank);
    }
    if (of_host.empty()) continue;
    const auto all = std::count_if(ranks.begin(), ranks.end(),
                                   [&](const RankState& state) { return state.host == host; });
    const bool whole = static_cast<size_t>(all) == of_host.size();
    parts.push_back(whole ? host
                          : fmt::format("{} ({} {})", host, of_host.size() == 1 ? "rank" : "ranks",
                                        fmt::join(of_host, ", ")));
  }
  return fmt::format("{}", fmt::join(parts, ", "));
}

Readiness readiness_of(const Ranks& ranks) {
  Readiness readiness;
  std::vector<std::string>& problems = readiness.problems;
  for (const Comparison& comparison : kMustBeEqual) {
    if (comparison.member ==
        &RankState::questions) {  // what the config says comes before what it names
      compare_configs(ranks, problems);
      tell_own(ranks, &RankState::questions_problem, problems);
      tell_own(ranks, &RankState::model_problem, problems);
    }
    compare(ranks, comparison, problems);
  }
  compare_threads(ranks, readiness);
  compare_gpus(ranks, readiness);
  return readiness;
}

std::string verdict_of(const Readiness& readiness, const Ranks& ranks) {
  const std::string warnings =
      readiness.warnings.empty() ? ""
                                 : ", " + counted(readiness.warnings.size(), "warning", "warnings");
  if (!readiness.problems.empty())
    return fmt::format("not ready: {}{}", counted(readiness.problems.size(), "problem", "problems"),
                       warnings);
  return fmt::format("ready: {} on {}{}", counted(ranks.size(), "rank", "ranks"),
                     counted(hosts_of(ranks).size(), "host", "hosts"), warnings);
}

}  // namespace candor::launch
