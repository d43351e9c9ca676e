#include "comm/backend/mpi/fault_tolerance.h"

#include <dlfcn.h>

namespace candor::comm {
namespace {

// Error classes of Open MPI 5 that Open MPI 4's header lacks; where that header has them, they have
// the same numbers.
constexpr int kProcFailed = 75, kProcFailedPending = 76, kRevoked = 77;
constexpr int kFtAttribute =
    MPI_WIN_MODEL +
    1;  // MPI_FT: the predefined attribute after the last one that both headers know

template <typename Function>
bool look_up(Function*& function, const char* name) {
  function = reinterpret_cast<Function*>(dlsym(RTLD_DEFAULT, name));
  return function != nullptr;
}

}  // namespace

std::optional<FaultTolerance> FaultTolerance::of_this_job() {
  FaultTolerance found;
  if (!look_up(found.revoke_, "MPIX_Comm_revoke") || !look_up(found.shrink_, "MPIX_Comm_shrink") ||
      !look_up(found.iagree_, "MPIX_Comm_iagree")) {
    return std::nullopt;
  }
  int* enabled = nullptr;
  int known = 0;
  if (MPI_Comm_get_attr(MPI_COMM_WORLD, kFtAttribute, &enabled, &known) != MPI_SUCCESS || !known ||
      !*enabled)
    return std::nullopt;
  return found;
}

bool FaultTolerance::is_rank_lost(int mpi_code) {
  int error_class = MPI_SUCCESS;
  if (mpi_code == MPI_SUCCESS || MPI_Error_class(mpi_code, &error_class) != MPI_SUCCESS)
    return false;
  return error_class == kProcFailed || error_class == kProcFailedPending || error_class == kRevoked;
}

}  // namespace candor::comm
