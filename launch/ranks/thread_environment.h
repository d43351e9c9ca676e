// Threads per rank. libgomp and MKL read their environment when they are loaded, and people type
// plain `mpirun candor`, so candor sets the variables and executes itself again, once, before MPI
// starts.
#pragma once

#include <cstdint>

namespace candor::launch {

// Where the config doesn't say: OMP_NUM_THREADS if it is set, else 1. The number is part of what
// fixes a result's bits, so it depends neither on the ranks nor on the cores: more cores are used
// by more ranks.
int64_t default_threads_per_rank();

struct CoreCount {
  int64_t of_this_rank =
      1;  // that this process may use: bound by mpirun, or all of a container's share
  int64_t of_its_host = 1;  // that all ranks of the host share
};
CoreCount usable_cores();

// Sets OMP_NUM_THREADS, MKL_NUM_THREADS and OMP_WAIT_POLICY=passive (two spinning threads on a busy
// host make small products up to 100 times slower) after a short spin (without one, two threads
// were half as fast on an idle host),
// and executes this program again with argv; returns at once in the process that this made. Throws
// std::system_error if it can't be executed.
void apply_thread_environment(int64_t threads, char** argv);

}  // namespace candor::launch
