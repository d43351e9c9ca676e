#include "launch/program/sweep_program.h"

#include <csignal>
#include <stdexcept>

#include "launch/program/preemption.h"
#include "launch/ranks/launched_rank.h"

namespace candor::launch {
namespace {

volatile std::sig_atomic_t sweep_is_to_stop = 0;

}  // namespace

int sweep_program(const SweepArguments& arguments) {
  if (launched_ranks() > 1) {
    throw std::invalid_argument(
        "candor sweep starts an mpirun for each training: give it without mpirun, with --slots or "
        "--hostfile");
  }
  for (const int signal : stop_signals()) std::signal(signal, [](int) { sweep_is_to_stop = 1; });
  return sweep_command(arguments, [] { return sweep_is_to_stop != 0; });
}

}  // namespace candor::launch
