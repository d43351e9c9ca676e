// The group whose collectives run where the tensors live. Compiled the same everywhere; the build
// chooses the file that implements it.
//
// Collective over `host`, which isn't kept (the new group works on a split of it).
// device_type CPU: MPI, in every build. device_type CUDA: NCCL in a CANDOR_CUDA build, on this
// rank's GPU; CPU tensors still travel by MPI.
// Throws std::invalid_argument for CUDA in a build without it; CommError, on all ranks together, if
// one rank has no GPU of its own or NCCL can't start.
#pragma once

#include <memory>
#include <string>

#include "comm/process_group.h"

namespace candor::comm {

struct DeviceGroupOptions {
  at::DeviceType device_type = at::DeviceType::CPU;
  double timeout_s = 600;
  bool check_agreement = true;
  int gpu = -1;  // of this rank; -1: gpu_of its rank in the group
};

// GPUs that this process can use; 0 in a build without CUDA.
int visible_gpus();

// The GPU's model, e.g. "NVIDIA H100 80GB HBM3"; empty in a build without CUDA. Throws
// UnavailableError for an index that isn't there.
std::string gpu_name(int device_index);

// The GPU of a rank: that of its rank on its host; -1: there is none for it. With
// CANDOR_SHARE_GPUS=1 in the environment, ranks without a GPU of their own share those that are
// there. That is for trying many ranks on one GPU: one rank alone is faster.
int gpu_of(const RankInfo& rank_info);
bool ranks_share_gpus();

std::unique_ptr<ProcessGroup> make_device_process_group(ProcessGroup& host,
                                                        const DeviceGroupOptions& options);

}  // namespace candor::comm
