// The device that a command computes on, and the group whose collectives run where its tensors
// live.
#pragma once

#include <memory>
#include <optional>

#include "comm/process_group.h"
#include "launch/config/run_config.h"

namespace candor::launch {

// kCpu or kCuda for model.device; the same on all ranks. auto: cuda if every rank has a GPU of
// its own. Collective.
// Throws std::invalid_argument on all ranks if cuda was asked for and one has none.
DeviceChoice resolve_device(DeviceChoice wanted, comm::ProcessGroup& host);

// model.products without "auto", the same on all ranks, and with it model.dtype bf16 where they are
// bf16. auto: as `recorded` (the products of the run's config.yaml; nothing: none yet), else what
// rank 0 measures. model.device is resolved already. Collective.
ModelSection resolve_products(ModelSection model, std::optional<ProductsChoice> recorded,
                              comm::ProcessGroup& host);

// What auto was in this run before; nothing where the run has no config.yaml yet, or none that this
// version reads.
std::optional<ProductsChoice> recorded_products(const RunConfig& config);

// `host` itself stays in use for what isn't on the device. gpu: as DeviceGroupOptions has it. For
// cuda also makes libtorch deterministic. Collective; throws as make_device_process_group.
std::unique_ptr<comm::ProcessGroup> make_compute_group(DeviceChoice device,
                                                       comm::ProcessGroup& host, double timeout_s,
                                                       int gpu = -1);

}  // namespace candor::launch
