#include "launch/ranks/device_setup.h"

#include <ATen/Context.h>
#include <fmt/format.h>

#include <stdexcept>

#include "comm/device_group.h"
#include "launch/config/run_paths.h"
#include "trainer/model/frozen_product.h"

namespace candor::launch {
namespace {

// Below this, noise would decide, and digits be given up for little.
constexpr double kWorthwhile = 1.5;

}  // namespace

std::string resolve_device(const std::string& wanted, comm::ProcessGroup& host) {
  if (wanted == "cpu") return wanted;
  const comm::RankInfo info = host.rank_info();
  // Each rank's problem, empty where it has a GPU.
  const std::string problem =
      comm::gpu_of(info) >= 0
          ? ""
          : fmt::format("it is rank {} on its host, and candor sees {} GPUs there", info.local_rank,
                        comm::visible_gpus());
  const std::vector<std::string> problems = host.all_gather_bytes(problem);
  for (std::size_t rank = 0; rank < problems.size(); ++rank) {
    if (problems[rank].empty()) continue;
    if (wanted == "auto") return "cpu";
    throw std::invalid_argument(
        fmt::format("model.device: rank {} has no GPU of its own: {}; start one rank per GPU with "
                    "a candor of the cuda preset, or "
                    "set model.device to cpu",
                    rank, problems[rank]));
  }
  return "cuda";
}

ModelSection resolve_products(ModelSection model, const std::string& recorded,
                              comm::ProcessGroup& host) {
  if (model.products == "auto") {
    std::string chosen = recorded;
    if (host.rank() == 0) {
      std::string why = "as recorded in the run's config.yaml";
      if (chosen.empty()) {
        const double speedup = model.device == "cpu" ? trainer::bf16_product_speedup() : 0;
        chosen = speedup > kWorthwhile ? "bf16" : "fp32";
        why = model.device == "cpu" ? fmt::format("bf16 is {:.1f} times as fast", speedup)
                                    : "the key is of the CPU";
      }
      fmt::print(stderr, "model.products: auto is {} here ({})\n", chosen, why);
    }
    host.broadcast_bytes(chosen, 0);
    model.products = chosen;
  }
  if (model.products == "bf16") model.dtype = "bf16";
  return model;
}

std::string recorded_products(const RunConfig& config) {
  if (config.model.products != "auto") return "";  // nobody asks
  try {
    const std::string products = read_run_config(RunPaths(config.run.dir).config()).model.products;
    return products == "auto" ? "" : products;
  } catch (const std::exception&) {
    return "";
  }
}

std::unique_ptr<comm::ProcessGroup> make_compute_group(const std::string& device,
                                                       comm::ProcessGroup& host, double timeout_s,
                                                       int gpu) {
  if (device != "cuda")
    return comm::make_device_process_group(
        host, {.device_type = at::DeviceType::CPU, .timeout_s = timeout_s});
  at::globalContext().setDeterministicAlgorithms(true, /*warn_only=*/false);
  at::globalContext().setDeterministicFillUninitializedMemory(
      false);  // it would write every new tensor once more; each is written before it is read
  return comm::make_device_process_group(
      host, {.device_type = at::DeviceType::CUDA, .timeout_s = timeout_s, .gpu = gpu});
}

}  // namespace candor::launch
