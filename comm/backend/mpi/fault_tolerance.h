// ULFM, the part of MPI with which ranks go on after others died, looked up in the MPI library in
// use: the same program runs under Open MPI 4, whose headers don't have it, and under Open MPI 5.
//
// Source: MPI Forum, User Level Failure Mitigation; Open MPI 5.0, mpiext_ftmpi_c.h.
#pragma once

#include <mpi.h>

#include <optional>

namespace candor::comm {

class FaultTolerance {
 public:
  // Empty where the library has no ULFM, or mpirun wasn't asked for it (--with-ft ulfm). After
  // MPI_Init.
  static std::optional<FaultTolerance> of_this_job();

  // A code by which MPI says that a rank is dead or another rank has interrupted the communicator.
  static bool is_rank_lost(int mpi_code);

  // Interrupts every rank's pending and later calls on the communicator. Not collective.
  void revoke(MPI_Comm communicator) const { revoke_(communicator); }
  // The ranks that live. Blocks until they all call it.
  int shrink(MPI_Comm communicator, MPI_Comm* survivors) const {
    return shrink_(communicator, survivors);
  }
  // Bitwise AND over the ranks that live; works on a revoked communicator. Its code is the same on
  // all of them.
  int iagree(MPI_Comm communicator, int* flag, MPI_Request* request) const {
    return iagree_(communicator, flag, request);
  }

 private:
  FaultTolerance() = default;

  int (*revoke_)(MPI_Comm) = nullptr;
  int (*shrink_)(MPI_Comm, MPI_Comm*) = nullptr;
  int (*iagree_)(MPI_Comm, int*, MPI_Request*) = nullptr;
};

}  // namespace candor::comm
