// Threads per rank. libgomp and MKL read their environment when they are loaded, and people type
// plain `mpirun candor`, so candor sets the variables and executes itself again, once, before MPI
// starts.
#pragma once

#include <cstdint>

namespace candor::launch {

// `configured` if above 0; else OMP_NUM_THREADS if it is set; else the cores this process may use,
// divided by the ranks on its host unless mpirun bound each rank to cores of its own. At least 1.
int64_t resolve_threads_per_rank(int64_t configured);

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
