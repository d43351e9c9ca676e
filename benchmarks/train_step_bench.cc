// Seconds and peak memory of training steps on synthetic examples of one shape: `examples` suffixes
// of `suffix` tokens behind one prefix.
//
// Usage:   [mpirun -np N] train_step_bench MODEL_DIR PREFIX SUFFIX EXAMPLES MICRO_BATCH STEPS
// FIRST_LAYER MODULES DTYPE FOLDER [cpu|cuda]
// It is candor's own training loop (trainer/training), without dropout, with LoRA r 8 on MODULES
// (comma-separated) of the layers from FIRST_LAYER on, by tokenized Brier; DTYPE fp32 or bf16, of
// weights and products. Files go to FOLDER. Set OMP_NUM_THREADS. Prints one line of JSON; the first
// step is a warm-up and left out.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <c10/core/CachingDeviceAllocator.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/resource.h>

#include <algorithm>
#include <cstdlib>
#include <sstream>

#include "benchmarks/synthetic_examples.h"
#include "comm/device_group.h"
#include "comm/mpi_session.h"
#include "trainer/kernels/gemm_peak.h"
#include "trainer/kernels/keep_memory.h"
#include "trainer/model/pass_cost.h"
#include "trainer/training/trainer.h"

namespace candor::trainer {
namespace {

// Of this process, or of what it took of its GPU.
double peak_memory(at::Device device) {
  if (!device.is_cpu()) {
    const auto stats = c10::getDeviceAllocator(device.type())->getDeviceStats(device.index());
    return static_cast<double>(
        stats.allocated_bytes[static_cast<size_t>(c10::CachingAllocator::StatType::AGGREGATE)]
            .peak);
  }
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) * 1024;
}

int run(int argc, char** argv) {
  if (argc != 11 && argc != 12) {
    fmt::print(stderr,
               "usage: train_step_bench MODEL_DIR PREFIX SUFFIX EXAMPLES MICRO_BATCH STEPS "
               "FIRST_LAYER MODULES DTYPE FOLDER [cpu|cuda]\n");
    return 2;
  }
  keep_freed_memory();
  comm::MpiSession session(&argc, &argv);
  const std::unique_ptr<comm::ProcessGroup> host = comm::make_mpi_process_group({});
  const bool gpu = argc == 12 && std::string(argv[11]) == "cuda";
  const std::unique_ptr<comm::ProcessGroup> group =
      comm::make_device_process_group(*host, {.device_type = gpu ? at::kCUDA : at::kCPU});
  if (gpu) {  // as candor does
    at::globalContext().setDeterministicAlgorithms(true, /*warn_only=*/false);
    at::globalContext().setDeterministicFillUninitializedMemory(false);
  }
  const auto number = [&](int i) { return static_cast<int64_t>(std::atoll(argv[i])); };
  const int64_t prefix = number(2), suffix = number(3), examples = number(4),
                micro_batch = number(5), steps = number(6), first_layer = number(7);
  const std::string dtype = argv[9], folder = argv[10];
  const LlamaModel model(argv[1], dtype == "bf16" ? at::kBFloat16 : at::kFloat, group->device(),
                         Products::kBf16);
  const data::TokenData data =
      synthetic_examples(prefix, suffix, examples, 1, model.config().vocabulary);

  TrainOptions options;
  options.lora.dropout = 0;
  options.lora.layer_begin = first_layer;
  options.lora.modules.clear();
  std::istringstream modules(argv[8]);
  for (std::string module; std::getline(modules, module, ',');)
    options.lora.modules.push_back(module);
  options.objective = {{.loss = Loss::kTokenizedBrier}};
  options.max_steps = steps;
  options.global_batch_examples = examples;
  options.micro_batch_examples = micro_batch;
  options.validate_every = options.checkpoint_every = steps;
  options.frozen_trunk = true;
  options.checkpoints_dir = folder + "/checkpoints";
  options.adapter_dir = folder + "/adapter";
  options.metrics_path = folder + "/metrics.jsonl";
  options.trunk_path = folder + "/trunk.safetensors";
  options.identity = options.trunk_identity = options.base_model = "bench";
  std::vector<double> seconds;
  options.on_step = [&](const StepRecord& record) {
    if (record.step > 1) seconds.push_back(static_cast<double>(examples) / record.examples_per_s);
  };
  const LoraOptions lora = options.lora;
  Trainer trainer(model, data, std::move(options), *group);
  trainer.run();
  const double peak_bytes = peak_memory(group->device());

  PassCost cost;
  int64_t rows = 0;
  for (const std::vector<int64_t>& members : trainer.plan().micro_batches_of(0)) {
    const PassShape shape = pass_shape(data, members, true);
    cost += training_cost(model.config(), lora, shape, first_layer, 10);
    rows += shape.rows;
  }
  // All ranks at once, as when training.
  group->barrier();
  at::Tensor peaks = at::tensor({measured_gemm_peak(at::kFloat, group->device()),
                                 measured_gemm_peak(at::kBFloat16, group->device())},
                                at::kDouble);
  group->all_reduce_sum(peaks);
  at::Tensor memory = at::tensor({peak_bytes}, at::kDouble);
  group->all_reduce_sum(memory);
  if (group->rank() == 0) {
    std::sort(seconds.begin(), seconds.end());
    fmt::print(
        "{{\"seconds\": [{:.4f}], \"rows\": {}, \"flops\": {:.0f}, \"attention_flops\": {:.0f}, "
        "\"gemm_peak_fp32\": {:.0f}, \"gemm_peak_bf16\": "
        "{:.0f}, "
        "\"peak_bytes\": {:.0f}, \"ranks\": {}, \"threads\": {}}}\n",
        fmt::join(seconds, ", "), rows, cost.total(), cost.attention, peaks[0].item<double>(),
        peaks[1].item<double>(), memory.item<double>(), group->world_size(), at::get_num_threads());
  }
  session.finalize();
  return 0;
}

}  // namespace
}  // namespace candor::trainer

int main(int argc, char** argv) { return candor::trainer::run(argc, argv); }
