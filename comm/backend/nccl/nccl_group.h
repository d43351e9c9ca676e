// ProcessGroup on a nonblocking NCCL communicator, polled against a deadline; bytes, barriers and
// CPU tensors travel by the host group.
//
// Each collective waits on the host until the device has finished it: that is what lets a hang
// become a CommError instead of a stuck process.
// After an error or a time-out the communicator is aborted (which ends its kernels) and every later
// call on the device throws at once.
// The destructor aborts the communicator too, so destroy the group only after a barrier() that all
// ranks have passed.
// Source: NCCL user guide, "Fault tolerance" and ncclCommInitRankConfig with blocking = 0.
#pragma once

#include <nccl.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "comm/agreement.h"
#include "comm/backend/nccl/stream.h"
#include "comm/deadline.h"
#include "comm/device_group.h"

namespace candor::comm {

class NcclGroup final : public ProcessGroup {
 public:
  // Collective over host. Throws CommError on all ranks together if one has no stream, no id or no
  // communicator.
  NcclGroup(std::unique_ptr<ProcessGroup> host, StreamFactory make_stream,
            const DeviceGroupOptions& options);
  ~NcclGroup() override;
  NcclGroup(const NcclGroup&) = delete;
  NcclGroup& operator=(const NcclGroup&) = delete;

  RankInfo rank_info() const override { return host_->rank_info(); }
  at::Device device() const override { return stream_->device(); }
  void all_reduce_sum(at::Tensor& tensor) override;
  void all_reduce_max(at::Tensor& tensor) override;
  void broadcast(at::Tensor& tensor, int root) override;
  std::vector<std::string> all_gather_bytes(const std::string& bytes) override {
    return host_->all_gather_bytes(bytes);
  }
  void broadcast_bytes(std::string& bytes, int root) override {
    host_->broadcast_bytes(bytes, root);
  }
  void barrier() override { host_->barrier(); }
  std::unique_ptr<ProcessGroup> split(int color, int key) override;
  Settled settle(bool finished, const std::string& where) override;
  bool may_speak() const override { return host_->may_speak(); }
  [[noreturn]] void abort(int exit_code) override;

 private:
  ncclUniqueId agree_on_id(const CollectiveCall& call);
  void initialise(const ncclUniqueId& id, const CollectiveCall& call);
  void connect();  // agree_on_id and initialise, together
  // Every rank learns whether all are well ("" for this rank), and throws the first problem
  // otherwise.
  void throw_together(const std::string& my_problem, const CollectiveCall& call);
  // Checks agreement, launches on the stream, polls until the device is done.
  void run(CollectiveCall call, const std::function<ncclResult_t()>& launch);
  // The state of the communicator once it isn't in progress any more.
  ncclResult_t state_after(ncclResult_t result, Deadline& deadline, const CollectiveCall& call);
  void abort_communicator();
  [[noreturn]] void fail(const CollectiveCall& call, const std::string& reason);
  [[noreturn]] void fail_late(const CollectiveCall& call);
  std::string text_of(ncclResult_t result) const;
  bool belongs_on_host(const at::Tensor& tensor) const;

  std::unique_ptr<ProcessGroup> host_;
  StreamFactory make_stream_;
  DeviceGroupOptions options_;
  std::unique_ptr<DeviceStream> stream_;
  ncclComm_t communicator_ = nullptr;  // null once aborted
  std::int64_t next_sequence_ = 0;
};

}  // namespace candor::comm
