// MPI's life in this process, and the group of all ranks.
//
// Usage:   MpiSession session(&argc, &argv);   auto group = make_mpi_process_group({.timeout_s =
// 600});   ...   session.finalize();
// A program started without mpirun is a group of one rank.
// The destructor doesn't finalise: MPI_Finalize waits for all ranks and may hang after a failure.
// Call finalize() on a clean exit only, and ProcessGroup::abort on any other; a job that lost ranks
// and went on without them leaves by leave_after_losses().
#pragma once

#include <memory>

#include "comm/process_group.h"

namespace candor::comm {

class MpiSession {
 public:
  // Initialises MPI unless somebody has; throws UnavailableError if it can't. liveness: ends this
  // rank if MPI_Init takes longer than timeout_s, which nothing else could; null: nobody does.
  MpiSession(int* argc, char*** argv, Liveness* liveness = nullptr, double timeout_s = 600);
  MpiSession(const MpiSession&) = delete;
  MpiSession& operator=(const MpiSession&) = delete;

  // Collective; does nothing if this session didn't initialise MPI, or the second time.
  void finalize();

  // Ends this process at once with this exit code: after losses MPI_Finalize may wait for the dead.
  // All ranks must have settled (process_group.h).
  [[noreturn]] static void leave_after_losses(int exit_code);

 private:
  bool owns_mpi_ = false;
};

// The group of all ranks of the job, on a communicator of its own. Collective. Needs a live
// MpiSession.
// Throws std::invalid_argument for an option out of range, CommError if a rank doesn't arrive in
// time.
std::unique_ptr<ProcessGroup> make_mpi_process_group(ProcessGroupOptions options);

}  // namespace candor::comm
