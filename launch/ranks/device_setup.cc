#include "launch/ranks/device_setup.h"

#include <ATen/Context.h>
#include <fmt/format.h>

#include <stdexcept>

#include "comm/device_group.h"
#include "launch/config/recorded_config.h"
#include "trainer/model/frozen_product.h"

namespace candor::launch {
namespace {

// Below this, noise would decide, and digits be given up for little.
constexpr double kWorthwhile = 1.5;

}  // namespace

DeviceChoice resolve_device(DeviceChoice wanted, comm::ProcessGroup& host) {
  if (wanted == DeviceChoice::kCpu) return wanted;
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
    if (wanted == DeviceChoice::kAuto) return DeviceChoice::kCpu;
    throw std::invalid_argument(
        fmt::format("model.device: rank {} has no GPU of its own: {}; start one rank per GPU with "
                    "a candor of the cuda preset, or "
                    "set model.device to cpu",
                    rank, problems[rank]));
  }
  return DeviceChoice::kCuda;
}

ModelSection resolve_products(ModelSection model, std::optional<ProductsChoice> recorded,
                              comm::ProcessGroup& host) {
  if (model.products == ProductsChoice::kAuto) {
    std::string chosen;
    if (host.rank() == 0) {
      std::string why = "as recorded in the run's config.yaml";
      if (!recorded) {
        const bool cpu = model.device == DeviceChoice::kCpu;
        const double speedup = cpu ? trainer::bf16_product_speedup() : 0;
        recorded = speedup > kWorthwhile ? ProductsChoice::kBf16 : ProductsChoice::kFp32;
        why = cpu ? fmt::format("bf16 is {:.1f} times as fast", speedup) : "the key is of the CPU";
      }
      chosen = trainer::choice_name(*recorded);
      fmt::print(stderr, "model.products: auto is {} here ({})\n", chosen, why);
    }
    host.broadcast_bytes(chosen, 0);
    model.products = trainer::choice_named<ProductsChoice>(chosen).value();
  }
  if (model.products == ProductsChoice::kBf16) model.dtype = WeightsDtype::kBf16;
  return model;
}

std::optional<ProductsChoice> recorded_products(const RunConfig& config) {
  if (config.model.products != ProductsChoice::kAuto) return std::nullopt;  // nobody asks
  const std::optional<RunConfig> recorded = recorded_config(config.run.dir);
  return !recorded || recorded->model.products == ProductsChoice::kAuto
             ? std::nullopt
             : std::optional(recorded->model.products);
}

std::unique_ptr<comm::ProcessGroup> make_compute_group(DeviceChoice device,
                                                       comm::ProcessGroup& host, double timeout_s,
                                                       int gpu) {
  if (device != DeviceChoice::kCuda)
    return comm::make_device_process_group(
        host, {.device_type = at::DeviceType::CPU, .timeout_s = timeout_s});
  at::globalContext().setDeterministicAlgorithms(true, /*warn_only=*/false);
  at::globalContext().setDeterministicFillUninitializedMemory(
      false);  // it would write every new tensor once more; each is written before it is read
  return comm::make_device_process_group(
      host, {.device_type = at::DeviceType::CUDA, .timeout_s = timeout_s, .gpu = gpu});
}

}  // namespace candor::launch
