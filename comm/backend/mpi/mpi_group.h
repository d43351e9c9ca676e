// ProcessGroup on an MPI communicator: nonblocking collectives polled against a deadline. CUDA tensors are staged through host memory.
#pragma once

#include <mpi.h>

#include <memory>
#include <string>
#include <vector>

#include "comm/agreement.h"
#include "comm/deadline.h"
#include "comm/process_group.h"

namespace candor {

class MpiGroup final : public ProcessGroup {
 public:
  // Takes the communicator over and never frees it: MPI_Comm_free is collective, and destructors don't communicate. MPI_Finalize frees it.
  // Finds the ranks of this host: collective, and without a deadline, so all ranks must be known to have arrived.
  MpiGroup(MPI_Comm communicator, const ProcessGroupOptions& options);

  RankInfo rank_info() const override { return info_; }
  void all_reduce_sum(at::Tensor& tensor) override { all_reduce(tensor, Collective::kAllReduceSum, MPI_SUM); }
  void all_reduce_max(at::Tensor& tensor) override { all_reduce(tensor, Collective::kAllReduceMax, MPI_MAX); }
  void broadcast(at::Tensor& tensor, int root) override;
  std::vector<std::string> all_gather_bytes(const std::string& bytes) override;
  void broadcast_bytes(std::string& bytes, int root) override;
  void barrier() override;
  std::unique_ptr<ProcessGroup> split(int color, int key) override;
  std::unique_ptr<ProcessGroup> shrink() override;
  [[noreturn]] void abort(int exit_code) override;

 private:
  struct Running;  // one collective: its call and its deadline

  Running begin(Collective operation, std::int64_t dtype, std::int64_t numel, std::int64_t root);
  void all_reduce(at::Tensor& tensor, Collective operation, MPI_Op mpi_operation);
  void broadcast_from(std::byte* bytes, std::int64_t bytes_left, int root, const Running& running, const std::shared_ptr<void>& owner);
  void check_agreement(const Running& running);
  // `owner` keeps the buffers alive if MPI still has them when the deadline passes.
  void wait(MPI_Request request, const Running& running, const std::shared_ptr<void>& owner);
  void check(int mpi_code, const Running& running);
  void check_root(int root) const;

  MPI_Comm communicator_;
  ProcessGroupOptions options_;
  RankInfo info_;
  std::int64_t next_sequence_ = 0;
  bool broken_ = false;
};

}  // namespace candor
