// make_device_process_group of a build without CUDA.
#include "comm/device_group.h"

#include <stdexcept>

namespace candor::comm {

int visible_gpus() { return 0; }

std::string gpu_name(int) { return ""; }

std::unique_ptr<ProcessGroup> make_device_process_group(ProcessGroup& host,
                                                        const DeviceGroupOptions& options) {
  if (options.device_type != at::DeviceType::CPU) {
    throw std::invalid_argument(
        "this candor was built without CUDA: use device cpu, or build with the cuda preset "
        "(CANDOR_CUDA=ON)");
  }
  return host.split(0, host.rank());
}

}  // namespace candor::comm
