// candor sweep: many trainings of one config, on the slots of one or several hosts. Not a command
// of ranks: it starts an mpirun for each training.
#pragma once

#include <functional>
#include <string>

namespace candor::launch {

struct SweepArguments {
  std::string path{};      // the sweep's YAML file
  int64_t slots = 0;       // on this host; 0: as many as GPUs, or cores
  std::string hostfile{};  // instead of slots
  std::string mpirun = "mpirun";
  bool in_process = false;  // trainings on ranks that stay
  bool resume = false;      // there must be something to go on with
  bool status = false, dry_run = false, no_evaluation = false;
};

// Returns an exit code; throws what describe_failure turns into one.
int sweep_command(const SweepArguments& arguments, const std::function<bool()>& asked_to_stop);

}  // namespace candor::launch
