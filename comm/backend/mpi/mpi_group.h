// ProcessGroup on an MPI communicator: nonblocking collectives polled against a deadline. CUDA
// tensors are staged through host memory.
//
// Where the job has ULFM (fault_tolerance.h), the first rank that finds another one dead interrupts
// the communicator for all, and settle() replaces it.
#pragma once

#include <mpi.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "comm/agreement.h"
#include "comm/backend/mpi/fault_tolerance.h"
#include "comm/deadline.h"
#include "comm/liveness/liveness.h"
#include "comm/process_group.h"

namespace candor::comm {

class MpiGroup final : public ProcessGroup {
 public:
  // Takes the communicator over and never frees it: MPI_Comm_free is collective, and destructors
  // don't communicate. MPI_Finalize frees it.
  // Finds the ranks of this host: collective, so all ranks must be known to have arrived. `id`: the
  // same on all ranks, another for every group.
  MpiGroup(MPI_Comm communicator, const ProcessGroupOptions& options, std::int64_t id);

  RankInfo rank_info() const override { return info_; }
  at::Device device() const override { return at::DeviceType::CPU; }
  void all_reduce_sum(at::Tensor& tensor) override {
    all_reduce(tensor, Collective::kAllReduceSum, MPI_SUM);
  }
  void all_reduce_max(at::Tensor& tensor) override {
    all_reduce(tensor, Collective::kAllReduceMax, MPI_MAX);
  }
  void broadcast(at::Tensor& tensor, int root) override;
  std::vector<std::string> all_gather_bytes(const std::string& bytes) override;
  void broadcast_bytes(std::string& bytes, int root) override;
  void barrier() override;
  std::unique_ptr<ProcessGroup> split(int color, int key) override;
  Settled settle(bool finished, const std::string& where) override;
  bool may_speak() const override {
    return options_.liveness == nullptr || options_.liveness->may_speak();
  }
  [[noreturn]] void abort(int exit_code) override;

 private:
  struct Running {  // one collective
    CollectiveCall call;
    Deadline deadline;
    bool waited_for_news = false;  // of a rank that is gone, after the deadline
  };
  // How long MPI may take to tell of a rank as lost once it is gone.
  static constexpr double kNewsOfALoss_s = 10;

  Running begin(Collective operation, std::int64_t dtype, std::int64_t numel, std::int64_t root);
  void all_reduce(at::Tensor& tensor, Collective operation, MPI_Op mpi_operation);
  void broadcast_from(std::byte* bytes, std::int64_t bytes_left, int root, Running& running,
                      const std::shared_ptr<void>& owner);
  void check_agreement(Running& running);
  // `owner` keeps the buffers alive if MPI still has them when the deadline passes.
  void wait(MPI_Request request, Running& running, const std::shared_ptr<void>& owner);
  void check(int mpi_code, Running& running);
  // The deadline has passed: ends the ranks that are late, and throws. It returns once, with a new
  // deadline, if one of them is gone: another rank may just have ended it, and MPI will tell.
  void overdue(Running& running, const std::shared_ptr<void>& owner);
  void check_root(int root) const;

  // Of the communicator's ranks, in the job's numbering.
  static std::vector<int> world_ranks_of(MPI_Comm communicator);
  // Of settle(): what all ranks that live agree on, and this object as the group of the survivors.
  bool all_agree(MPI_Comm communicator, bool mine);
  // How long its calls that can't be given up may take: longer than the guardian of a rank that
  // holds them up needs to end it.
  double call_limit_s() const;
  bool rebuild(MPI_Comm survivors, const std::string& where, bool& same_place);

  MPI_Comm communicator_;
  ProcessGroupOptions options_;
  std::optional<FaultTolerance> fault_tolerance_;
  RankInfo info_;
  std::int64_t id_;
  std::vector<int> world_ranks_;  // of this group's ranks
  std::int64_t host_ = 0;  // the same for the ranks of a host: the lowest of their world ranks
  std::int64_t next_sequence_ = 0;
  bool broken_ = false;
};

}  // namespace candor::comm
