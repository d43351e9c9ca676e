// make_device_process_group of a build with CUDA.
#include "comm/device_group.h"
#include "comm/comm_error.h"

#include <cuda_runtime_api.h>
#include <fmt/format.h>

#include <cstdlib>
#include <stdexcept>

#include "comm/backend/nccl/nccl_group.h"
#include "comm/host_name.h"

namespace candor::comm {

int visible_gpus() {
  int devices = 0;
  if (cudaGetDeviceCount(&devices) == cudaSuccess) return devices;
  (void)cudaGetLastError();  // no driver is no GPU; else the next launch check would report it
  return 0;
}

std::string gpu_name(int device_index) {
  cudaDeviceProp properties = {};
  const cudaError_t code = cudaGetDeviceProperties(&properties, device_index);
  if (code != cudaSuccess)
    throw UnavailableError(fmt::format("GPU {}: {}", device_index, cudaGetErrorString(code)));
  return properties.name;
}

std::unique_ptr<ProcessGroup> make_device_process_group(ProcessGroup& host,
                                                        const DeviceGroupOptions& options) {
  if (!(options.timeout_s > 0))
    throw std::invalid_argument(
        fmt::format("device group: timeout_s must be above 0, got {}", options.timeout_s));
  auto own_host = host.split(0, host.rank());
  if (options.device_type == at::DeviceType::CPU) return own_host;
  if (options.device_type != at::DeviceType::CUDA) {
    throw std::invalid_argument(fmt::format("device group: expected cpu or cuda, got {}",
                                            c10::DeviceTypeName(options.device_type, true)));
  }
  const int device_index = options.gpu >= 0 ? options.gpu : gpu_of(own_host->rank_info());
  if (ranks_share_gpus()) {
    // NCCL takes one rank per GPU of a host, so each rank is a host to it.
    setenv("NCCL_HOSTID", fmt::format("{} rank {}", host_name(), own_host->rank()).c_str(), 1);
  }
  return std::make_unique<NcclGroup>(
      std::move(own_host), [device_index] { return make_cuda_stream(device_index); }, options);
}

}  // namespace candor::comm
