#include "comm/mpi_session.h"

#include <fmt/format.h>
#include <mpi.h>

#include <limits>
#include <stdexcept>

#include "comm/backend/mpi/mpi_group.h"
#include "comm/comm_error.h"

namespace candor {

MpiSession::MpiSession(int* argc, char*** argv) {
  int initialized = 0;
  MPI_Initialized(&initialized);
  if (initialized) return;
  int provided = MPI_THREAD_SINGLE;
  if (MPI_Init_thread(argc, argv, MPI_THREAD_SERIALIZED, &provided) != MPI_SUCCESS || provided < MPI_THREAD_SERIALIZED) {
    throw std::runtime_error("MPI can't be initialised for a program with threads (MPI_THREAD_SERIALIZED)");
  }
  owns_mpi_ = true;
}

void MpiSession::finalize() {
  if (!owns_mpi_) return;
  owns_mpi_ = false;
  MPI_Finalize();
}

std::unique_ptr<ProcessGroup> make_mpi_process_group(ProcessGroupOptions options) {
  if (!(options.timeout_s > 0)) throw std::invalid_argument(fmt::format("process group: timeout_s must be above 0, got {}", options.timeout_s));
  if (options.chunk_numel < 1 || options.chunk_numel > std::numeric_limits<int>::max()) {
    throw std::invalid_argument(fmt::format("process group: chunk_numel must be in 1..2^31-1, got {}", options.chunk_numel));
  }
  // MPI_Comm_dup blocks: first see, against the deadline, that every rank has come.
  const Deadline deadline(options.timeout_s);
  PollPause pause;
  MPI_Request request = MPI_REQUEST_NULL;
  MPI_Ibarrier(MPI_COMM_WORLD, &request);
  for (int arrived = 0; !arrived; pause()) {
    MPI_Test(&request, &arrived, MPI_STATUS_IGNORE);
    if (!arrived && deadline.passed()) {
      int rank = 0;
      int world_size = 0;
      MPI_Comm_rank(MPI_COMM_WORLD, &rank);
      MPI_Comm_size(MPI_COMM_WORLD, &world_size);
      throw CommError(rank, world_size, collective_name(Collective::kCreate), 0, fmt::format("not all ranks arrived within {} s", options.timeout_s));
    }
  }
  MPI_Comm communicator = MPI_COMM_NULL;
  MPI_Comm_dup(MPI_COMM_WORLD, &communicator);
  return std::make_unique<MpiGroup>(communicator, options);
}

}  // namespace candor
