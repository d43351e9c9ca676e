#include "fake_nccl.h"

#include <mpi.h>
#include <nccl.h>

#include <cstdlib>
#include <cstring>
#include <string_view>
#include <vector>

// Every rank of a communicator must be able to find the others from the id alone: it holds the
// maker's rank in MPI_COMM_WORLD and a tag.
struct ncclComm {
  MPI_Comm mpi = MPI_COMM_NULL;
  MPI_Request request = MPI_REQUEST_NULL;
  bool hangs = false;
  ncclResult_t error = ncclSuccess;
};

namespace {

int live_communicators = 0;

bool injected(const char* fault, std::string_view call) {
  const char* const value = std::getenv(fault);
  return value != nullptr && call == value;
}

struct IdContent {
  int maker_world_rank;
  int tag;
};

MPI_Datatype mpi_type(ncclDataType_t type) {
  switch (type) {
    case ncclInt64: return MPI_INT64_T;
    case ncclInt32: return MPI_INT32_T;
    case ncclUint8: return MPI_UINT8_T;
    case ncclFloat32: return MPI_FLOAT;
    case ncclFloat64: return MPI_DOUBLE;
    default: return MPI_DATATYPE_NULL;
  }
}

// Starts `call` unless a fault is injected into it.
template <typename Start>
ncclResult_t start(ncclComm_t comm, std::string_view call, Start start_mpi) {
  if (comm->request != MPI_REQUEST_NULL || comm->hangs)
    return ncclInvalidUsage;  // the one before isn't finished
  if (injected("FAKE_NCCL_FAIL", call)) return ncclSystemError;
  if (injected("FAKE_NCCL_FAIL_LATER", call)) {
    comm->error = ncclRemoteError;
  } else if (injected("FAKE_NCCL_HANG", call)) {
    comm->hangs = true;
  } else {
    start_mpi();
  }
  return ncclInProgress;
}

}  // namespace

int fake_nccl_live_communicators() { return live_communicators; }

extern "C" {

const char* ncclGetErrorString(ncclResult_t result) {
  return result == ncclRemoteError ? "remote process exited" : "unhandled system error";
}
const char* ncclGetLastError(ncclComm_t) { return "injected by the fake library"; }

ncclResult_t ncclGetUniqueId(ncclUniqueId* id) {
  static int next_tag = 0;
  if (injected("FAKE_NCCL_FAIL", "id")) return ncclSystemError;
  IdContent content{0, 1000 + next_tag++};
  MPI_Comm_rank(MPI_COMM_WORLD, &content.maker_world_rank);
  std::memcpy(id->internal, &content, sizeof content);
  return ncclSuccess;
}

ncclResult_t ncclCommInitRankConfig(ncclComm_t* comm, int nranks, ncclUniqueId id, int rank,
                                    ncclConfig_t* config) {
  if (config->blocking != 0) return ncclInvalidArgument;
  if (injected("FAKE_NCCL_FAIL", "init")) return ncclSystemError;
  *comm = new ncclComm;
  ++live_communicators;
  if (injected(
          "FAKE_NCCL_HANG",
          "init")) {  // on every rank: with one missing, the others' rendezvous below would block
    (*comm)->hangs = true;
    return ncclInProgress;
  }
  IdContent content{};
  std::memcpy(&content, id.internal, sizeof content);
  int world_rank = 0;
  MPI_Comm_rank(MPI_COMM_WORLD, &world_rank);
  std::vector<int> members(static_cast<std::size_t>(nranks));
  members[static_cast<std::size_t>(rank)] = world_rank;
  if (rank == 0) {
    for (int i = 1; i < nranks; ++i) {
      int member[2] = {};
      MPI_Recv(member, 2, MPI_INT, MPI_ANY_SOURCE, content.tag, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
      members[static_cast<std::size_t>(member[0])] = member[1];
    }
    for (int i = 1; i < nranks; ++i)
      MPI_Send(members.data(), nranks, MPI_INT, members[static_cast<std::size_t>(i)], content.tag,
               MPI_COMM_WORLD);
  } else {
    const int member[2] = {rank, world_rank};
    MPI_Send(member, 2, MPI_INT, content.maker_world_rank, content.tag, MPI_COMM_WORLD);
    MPI_Recv(members.data(), nranks, MPI_INT, content.maker_world_rank, content.tag, MPI_COMM_WORLD,
             MPI_STATUS_IGNORE);
  }
  MPI_Group world = MPI_GROUP_NULL;
  MPI_Group group = MPI_GROUP_NULL;
  MPI_Comm_group(MPI_COMM_WORLD, &world);
  MPI_Group_incl(world, nranks, members.data(), &group);
  MPI_Comm_create_group(MPI_COMM_WORLD, group, content.tag, &(*comm)->mpi);
  return ncclInProgress;
}

ncclResult_t ncclCommGetAsyncError(ncclComm_t comm, ncclResult_t* state) {
  *state = comm->error;
  if (comm->hangs) *state = ncclInProgress;
  if (comm->request != MPI_REQUEST_NULL) {
    int done = 0;
    MPI_Test(&comm->request, &done, MPI_STATUS_IGNORE);
    if (!done) *state = ncclInProgress;
  }
  return ncclSuccess;
}

// Parameters: those of NCCL.
ncclResult_t ncclAllReduce(const void* send, void* recv, size_t count, ncclDataType_t type,
                           ncclRedOp_t op, ncclComm_t comm, cudaStream_t) {
  if (send != recv) return ncclInvalidArgument;
  return start(comm, "all_reduce", [&] {
    MPI_Iallreduce(MPI_IN_PLACE, recv, static_cast<int>(count), mpi_type(type),
                   op == ncclMax ? MPI_MAX : MPI_SUM, comm->mpi, &comm->request);
  });
}

// Parameters: those of NCCL.
ncclResult_t ncclBroadcast(const void* send, void* recv, size_t count, ncclDataType_t type,
                           int root, ncclComm_t comm, cudaStream_t) {
  if (send != recv) return ncclInvalidArgument;
  return start(comm, "broadcast", [&] {
    MPI_Ibcast(recv, static_cast<int>(count), mpi_type(type), root, comm->mpi, &comm->request);
  });
}

ncclResult_t ncclCommAbort(ncclComm_t comm) {
  --live_communicators;
  delete comm;  // its MPI communicator may hold unfinished calls of others: left to MPI_Finalize
  return ncclSuccess;
}

}  // extern "C"
