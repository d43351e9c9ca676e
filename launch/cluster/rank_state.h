// What one rank says of itself to `candor doctor`: what it was built from and runs with, where it
// is, and what it read. Gathered as text, compared by readiness.h.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "comm/rank_info.h"

namespace candor::launch {

struct RankState {
  std::string host;
  int local_rank = 0, local_world_size = 1;
  int64_t threads = 1;
  int64_t cores = 1;         // that this process may use
  int64_t host_cores = 1;    // that the ranks of its host share
  int64_t memory_bytes = 0;  // free on its host; 0: unknown
  std::string candor{};      // version and build, without what only the compiler's name tells
  std::string executable{};  // SHA-256
  std::string libtorch{}, mpi{}, hdf5{};
  std::string processor{}, kind{}, features{};  // as in processor.h
  std::vector<std::string> gpus{};
  bool has_gpu = false;  // one of its own
  // Of the config, empty where none was asked for.
  std::string config_problem{};  // why it can't be read
  std::string config_yaml{};     // resolved, without run.threads_per_rank
  std::string device{};          // model.device
  // Of the files that the config names, by one rank a host; empty on the others, and where the
  // config names none.
  std::string questions{}, model{};                  // identity
  std::string questions_problem{}, model_problem{};  // why it has none
};

// Without the files' part. `config_path` empty: none is asked for.
RankState this_rank_state(const comm::RankInfo& info, const std::string& config_path,
                          const std::vector<std::string>& overrides);

std::string to_text(const RankState& state);
RankState rank_state_of(
    const std::string& text);  // throws nlohmann::json::exception for what to_text didn't write

}  // namespace candor::launch
