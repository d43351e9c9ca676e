// One mpirun, watched by a process of its own that ends it when the sweep ends, however that
// happens.
//
// Usage:   TrialJob job({.command = {...}, .log_path = "job.log", .token = "..."});   if (auto code
// = job.poll()) ...
// The watching process holds a pipe to the sweep. When the pipe closes, because the sweep asks or
// because it is gone, it sends mpirun SIGTERM (a training saves then), and after kGrace_s ends
// whatever still carries the token in its environment. (A parent-death signal would end mpirun, but
// not its ranks.) The sweep must have one thread when a job is made: it forks.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "launch/sweep/trial_run.h"

namespace candor::launch {

struct TrialJobOptions {
  std::vector<std::string> command;                                // program and arguments
  std::vector<std::pair<std::string, std::string>> environment{};  // added
  std::string log_path;                                            // its output is appended there
  std::string token;  // CANDOR_SWEEP_JOB in the environment of all its processes; no other job's
                      // begins with it
};

class TrialJob final : public TrialRun {
 public:
  // Throws std::system_error.
  explicit TrialJob(const TrialJobOptions& options);
  ~TrialJob() override;  // ends it and waits

  std::optional<int> poll() override;
  void end() override;

 private:
  pid_t watcher_ = -1;
  int pipe_ = -1;
  std::optional<int> code_;
};

constexpr double kGrace_s = 15;

// Ends every process of this user whose environment has CANDOR_SWEEP_JOB beginning with `token`,
// with SIGTERM and then SIGKILL; how many there were.
int end_orphans(const std::string& token);

// The environment that an mpirun of its own is started with: without what another mpirun, or this
// program for itself, put there.
std::vector<std::string> names_to_scrub();

}  // namespace candor::launch
