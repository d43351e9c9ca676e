#include "launch/commands/device_setup.h"

#include <ATen/Context.h>
#include <fmt/format.h>

#include <stdexcept>

#include "comm/device_group.h"

namespace candor {

std::string resolve_device(const std::string& wanted, ProcessGroup& host) {
  if (wanted == "cpu") return wanted;
  const RankInfo info = host.rank_info();
  const int gpus = visible_gpus();
  // Each rank's problem, empty where it has a GPU of its own.
  const std::string problem =
      info.local_rank < gpus ? "" : fmt::format("it is rank {} on its host, and candor sees {} GPUs there", info.local_rank, gpus);
  const std::vector<std::string> problems = host.all_gather_bytes(problem);
  for (std::size_t rank = 0; rank < problems.size(); ++rank) {
    if (problems[rank].empty()) continue;
    if (wanted == "auto") return "cpu";
    throw std::invalid_argument(
        fmt::format("model.device: rank {} has no GPU of its own: {}; start one rank per GPU with a candor of the cuda preset, or "
                    "set model.device to cpu",
                    rank, problems[rank]));
  }
  return "cuda";
}

std::unique_ptr<ProcessGroup> make_compute_group(const std::string& device, ProcessGroup& host, double timeout_s) {
  if (device != "cuda") return make_device_process_group(host, {.device_type = at::DeviceType::CPU, .timeout_s = timeout_s});
  at::globalContext().setDeterministicAlgorithms(true, /*warn_only=*/false);
  return make_device_process_group(host, {.device_type = at::DeviceType::CUDA, .timeout_s = timeout_s});
}

}  // namespace candor
