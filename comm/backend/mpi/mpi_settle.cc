// MpiGroup::settle: the end of a piece of work that ranks may not have survived, and the smaller
// group after it.
#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <limits>
#include <stdexcept>

#include "comm/backend/mpi/mpi_group.h"
#include "comm/comm_error.h"
#include "comm/liveness/liveness.h"

namespace candor::comm {
namespace {

// Later than any other call of the group, in what a rank shows of itself.
constexpr std::int64_t kSettling = std::numeric_limits<std::int64_t>::max() / 2;

// What survivors tell each other of themselves.
struct Survivor {
  std::int64_t where = 0;  // hash of the place that they come from
  std::int64_t host = 0;
};

}  // namespace

Settled MpiGroup::settle(bool finished, const std::string& where) {
  if (!fault_tolerance_) {
    if (!finished) throw std::logic_error("settle(false) where no rank can be lost");
    barrier();
    return {};
  }
  if (options_.liveness) options_.liveness->arrived(id_, kSettling);
  if (all_agree(communicator_, finished)) return {};

  const std::vector<int> before = world_ranks_;
  Settled settled{.finished = false};
  for (bool whole = false; !whole;) {  // again, if a rank is lost while the new group forms
    MPI_Comm survivors = MPI_COMM_NULL;
    int code = MPI_SUCCESS;
    {
      // A rank that is stopped now holds all of them up until its own guardian has ended it.
      const Liveness::Blocking blocking(options_.liveness.get(), "MPIX_Comm_shrink",
                                        call_limit_s());
      code = fault_tolerance_->shrink(communicator_, &survivors);
    }
    if (code != MPI_SUCCESS)
      throw CommError(info_.rank, info_.world_size, collective_name(Collective::kSettle), 0,
                      "the survivors can't form a group");
    whole = all_agree(survivors, rebuild(survivors, where, settled.same_place));
    communicator_ = survivors;
  }
  for (const int rank : before) {
    if (std::find(world_ranks_.begin(), world_ranks_.end(), rank) == world_ranks_.end())
      settled.lost.push_back(rank);
  }
  id_ = id_ ^ (static_cast<std::int64_t>(world_ranks_.size()) << 32) ^ 1;
  next_sequence_ = 0;
  broken_ = false;
  return settled;
}

double MpiGroup::call_limit_s() const { return 2 * options_.timeout_s + 30; }

bool MpiGroup::all_agree(MPI_Comm communicator, bool mine) {
  Running running{{Collective::kSettle, -1, 0, -1, kSettling}, Deadline(options_.timeout_s)};
  const auto flag = std::make_shared<int>(mine ? 1 : 0);
  MPI_Request request = MPI_REQUEST_NULL;
  int code = fault_tolerance_->iagree(communicator, flag.get(), &request);
  PollPause pause;
  bool ended_the_late = false;
  for (int done = 0; code == MPI_SUCCESS && !done; pause()) {
    code = MPI_Test(&request, &done, MPI_STATUS_IGNORE);
    if (done || code != MPI_SUCCESS || !running.deadline.passed()) continue;
    if (ended_the_late || !options_.liveness) {
      overdue(running, flag);
      continue;
    }
    // An agreement can't be revoked: ended here, the late ranks are dead to MPI, and it completes.
    options_.liveness->end(options_.liveness->late_ranks(id_, kSettling, world_ranks_), id_,
                           kSettling, running.deadline.elapsed_s());
    ended_the_late = true;
    running.deadline = Deadline(options_.timeout_s);
  }
  return code == MPI_SUCCESS && *flag != 0;
}

// False if a rank was lost meanwhile; then other ranks may have got true.
bool MpiGroup::rebuild(MPI_Comm survivors, const std::string& where, bool& same_place) {
  MPI_Comm_set_errhandler(survivors, MPI_ERRORS_RETURN);
  MPI_Comm_rank(survivors, &info_.rank);
  MPI_Comm_size(survivors, &info_.world_size);
  world_ranks_ = world_ranks_of(survivors);
  const Survivor mine{static_cast<std::int64_t>(std::hash<std::string>{}(where)), host_};
  std::vector<Survivor> all(static_cast<std::size_t>(info_.world_size));
  const Liveness::Blocking blocking(options_.liveness.get(), "MPI_Allgather of the survivors",
                                    call_limit_s());
  const int code = MPI_Allgather(&mine, 2, MPI_INT64_T, all.data(), 2, MPI_INT64_T, survivors);
  if (code != MPI_SUCCESS) {
    fault_tolerance_->revoke(survivors);
    return false;
  }
  info_.local_rank = info_.local_world_size = 0;
  for (std::size_t rank = 0; rank < all.size(); ++rank) {
    same_place = same_place && all[rank].where == mine.where;
    if (all[rank].host != host_) continue;
    ++info_.local_world_size;
    if (static_cast<int>(rank) < info_.rank) ++info_.local_rank;
  }
  return true;
}

}  // namespace candor::comm
