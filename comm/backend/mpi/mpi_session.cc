#include "comm/mpi_session.h"

#include <fmt/format.h>
#include <mpi.h>

#include <cstdio>
#include <cstdlib>
#include <limits>
#include <stdexcept>

#include "comm/backend/mpi/mpi_group.h"
#include "comm/comm_error.h"
#include "comm/liveness/liveness.h"

namespace candor::comm {

MpiSession::MpiSession(int* argc, char*** argv, Liveness* liveness, double timeout_s) {
  int initialized = 0;
  MPI_Initialized(&initialized);
  if (initialized) return;
  int provided = MPI_THREAD_SINGLE;
  const Liveness::Blocking blocking(liveness, "MPI_Init", timeout_s);
  if (MPI_Init_thread(argc, argv, MPI_THREAD_SERIALIZED, &provided) != MPI_SUCCESS ||
      provided < MPI_THREAD_SERIALIZED) {
    throw UnavailableError(
        "MPI can't be initialised for a program with threads (MPI_THREAD_SERIALIZED)");
  }
  owns_mpi_ = true;
  if (liveness != nullptr && FaultTolerance::of_this_job()) liveness->may_be_lost();
}

void MpiSession::finalize() {
  if (!owns_mpi_) return;
  owns_mpi_ = false;
  MPI_Finalize();
}

void MpiSession::leave_after_losses(int exit_code) {
  std::fflush(nullptr);
  std::_Exit(exit_code);
}

std::unique_ptr<ProcessGroup> make_mpi_process_group(ProcessGroupOptions options) {
  if (!(options.timeout_s > 0))
    throw std::invalid_argument(
        fmt::format("process group: timeout_s must be above 0, got {}", options.timeout_s));
  if (options.chunk_numel < 1 || options.chunk_numel > std::numeric_limits<int>::max()) {
    throw std::invalid_argument(fmt::format(
        "process group: chunk_numel must be in 1..2^31-1, got {}", options.chunk_numel));
  }
  int rank = 0, world_size = 0;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &world_size);
  const auto fail = [&](const std::string& reason) {
    throw CommError(rank, world_size, collective_name(Collective::kCreate), 0, reason);
  };
  MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
  // MPI_Comm_dup blocks: first see, against the deadline, that every rank has come.
  Deadline deadline(options.timeout_s);
  PollPause pause;
  MPI_Request request = MPI_REQUEST_NULL;
  bool lost = MPI_Ibarrier(MPI_COMM_WORLD, &request) != MPI_SUCCESS;
  for (int arrived = 0; !arrived && !lost; pause()) {
    lost = MPI_Test(&request, &arrived, MPI_STATUS_IGNORE) != MPI_SUCCESS;
    if (!arrived && deadline.passed())
      fail(fmt::format("not all ranks arrived within {} s (run.timeout_s)", options.timeout_s));
  }
  MPI_Comm communicator = MPI_COMM_NULL;
  if (!lost) {
    const Liveness::Blocking blocking(options.liveness.get(), "MPI_Comm_dup", options.timeout_s);
    lost = MPI_Comm_dup(MPI_COMM_WORLD, &communicator) != MPI_SUCCESS;
  }
  if (lost) fail("a rank was lost while the job started");
  auto group = std::make_unique<MpiGroup>(communicator, options, 0);
  if (options.liveness)
    options.liveness->set_peers(group->all_gather_bytes(options.liveness->address()));
  return group;
}

}  // namespace candor::comm
