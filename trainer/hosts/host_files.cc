#include "trainer/hosts/host_files.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <random>
#include <set>
#include <thread>

#include "comm/comm_error.h"
#include "comm/host_name.h"
#include "data_pipeline/files/atomic_file.h"
#include "trainer/hosts/problem.h"

namespace candor::trainer {
namespace {

namespace fs = std::filesystem;

// Nobody has asked for such a name before, so a network file system asks its server; but the folder
// itself may be new to this host.
constexpr int kTries = 5;
constexpr std::chrono::milliseconds kPause{60};

std::string random_name() {
  std::random_device random;
  return fmt::format(".candor-seen-{:08x}{:08x}", random(), random());
}

void remove_quietly(const std::string& path) {
  std::error_code ignored;
  fs::remove(path, ignored);
}

}  // namespace

HostFiles::HostFiles(comm::ProcessGroup& group, HostFilesOptions options)
    : group_(group), options_(std::move(options)) {
  if (options_.host.empty()) options_.host = comm::host_name();
}

std::string HostFiles::called(const std::string& host) const { return "host " + host; }

size_t HostFiles::first_seen(const std::vector<std::string>& markers) const {
  for (int tries = 0; tries < kTries && !markers.empty(); ++tries) {
    if (tries > 0) std::this_thread::sleep_for(kPause * tries);
    for (size_t m = 0; m < markers.size(); ++m) {
      std::error_code ignored;
      if (fs::exists(here(options_.folder) + "/" + markers[m], ignored)) return m;
    }
  }
  return markers.size();
}

void HostFiles::look() {
  const comm::RankInfo info = group_.rank_info();
  if (looked_at_ranks_ == info.world_size) return;
  if (info.rank == 0 && !saw_rank_0_) {
    throw comm::CommError(0, info.world_size, "after lost ranks", 0,
                          fmt::format("the run's files lie on {0}, whose ranks are all lost, and "
                                      "{1} has a file system of its own: give the same command "
                                      "again with rank 0 on {0}; it goes on from what is there",
                                      first_host_, options_.host));
  }
  between_keepers_.reset();
  is_split_ = false;
  keepers_ = {0};
  keeper_ = 0;
  if (info.local_world_size < info.world_size || options_.here) {
    std::string marker = random_name(), problem;
    group_.broadcast_bytes(marker, 0);
    try {
      fs::create_directories(here(options_.folder));
      if (info.rank == 0) data::write_file_atomically(here(options_.folder) + "/" + marker, "");
    } catch (const std::exception& error) {
      problem = problem_text(error, called(options_.host));
    }
    agree(problem);
    const bool seen = info.rank == 0 || first_seen({marker}) == 0;
    const nlohmann::json mine = {{"host", options_.host}, {"sees", seen}};
    const std::vector<std::string> all = group_.all_gather_bytes(
        mine.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
    if (info.rank == 0) remove_quietly(here(options_.folder) + "/" + marker);
    saw_rank_0_ = seen;
    group_by_file_system(marker, all);
  }
  looked_at_ranks_ = info.world_size;
}

// Those that don't see rank 0's may still share one among themselves.
void HostFiles::group_by_file_system(const std::string& marker,
                                     const std::vector<std::string>& sees_rank_0) {
  std::vector<size_t> apart;
  std::vector<std::string> host_of;
  for (size_t rank = 0; rank < sees_rank_0.size(); ++rank) {
    const nlohmann::json theirs = nlohmann::json::parse(sees_rank_0[rank]);
    host_of.push_back(theirs.at("host").get<std::string>());
    if (!theirs.at("sees").get<bool>()) apart.push_back(rank);
  }
  first_host_ = host_of[0];
  if (apart.empty()) return;
  const auto marker_of = [&](size_t rank) { return fmt::format("{}-{}", marker, rank); };
  const auto me = static_cast<size_t>(group_.rank());
  std::string problem;
  try {
    if (!saw_rank_0_) data::write_file_atomically(here(options_.folder) + "/" + marker_of(me), "");
  } catch (const std::exception& error) {
    problem = problem_text(error, called(options_.host));
  }
  agree(problem);
  if (!saw_rank_0_) {
    std::vector<std::string> before_me;
    for (auto rank = apart.begin(); *rank < me; ++rank) before_me.push_back(marker_of(*rank));
    keeper_ =
        static_cast<int>(apart[first_seen(before_me)]);  // this rank itself where it sees none
  }
  std::set<int> keepers;
  for (const std::string& keeper : group_.all_gather_bytes(std::to_string(keeper_)))
    keepers.insert(std::stoi(keeper));
  keepers_.assign(keepers.begin(), keepers.end());
  if (!saw_rank_0_) remove_quietly(here(options_.folder) + "/" + marker_of(me));
  if (me != 0 || looked_at_ranks_ > 0 || !options_.on_message) return;
  std::vector<std::string> names;
  for (const size_t rank : apart) {
    if (names.empty() || names.back() != host_of[rank]) names.push_back(host_of[rank]);
  }
  options_.on_message(fmt::format("host{} {} {} of {} own: what is read there is sent from {}",
                                  names.size() > 1 ? "s" : "", fmt::join(names, ", "),
                                  names.size() > 1 ? "have file systems" : "has a file system",
                                  names.size() > 1 ? "their" : "its", first_host_));
}

// Where a rank has a problem, all throw the first of them.
void HostFiles::agree(const std::string& my_problem) {
  for (const std::string& problem : group_.all_gather_bytes(my_problem)) {
    if (!problem.empty()) throw_problem(problem);
  }
}

}  // namespace candor::trainer
