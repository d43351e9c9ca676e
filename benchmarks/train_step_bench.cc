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

#include "benchmarks/synthetic_examples.h"
#include "benchmarks/training_shape.h"
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

// Of a step's products, and how many rows it computes.
struct StepWork {
  PassCost cost;
  int64_t rows = 0;
};

StepWork work_of_a_step(const StepPlan& plan, const data::TokenData& data,
                        const ModelConfig& config, const LoraOptions& lora) {
  StepWork work;
  for (const std::vector<int64_t>& members : plan.micro_batches_of(0)) {
    const PassShape shape = pass_shape(data, members, true);
    work.cost += training_cost(config, lora, shape, lora.layers.begin, 10);
    work.rows += shape.rows;
  }
  return work;
}

// Over all ranks; collective.
struct Measured {
  double gemm_peak_fp32, gemm_peak_bf16, peak_bytes;
};

Measured measure(double peak_bytes, comm::ProcessGroup& group) {
  group.barrier();  // all ranks at once, as when training
  at::Tensor sums = at::tensor({measured_gemm_peak(at::kFloat, group.device()),
                                measured_gemm_peak(at::kBFloat16, group.device()), peak_bytes},
                               at::kDouble);
  group.all_reduce_sum(sums);
  return {sums[0].item<double>(), sums[1].item<double>(), sums[2].item<double>()};
}

void print_result(std::vector<double> seconds, const StepWork& work, const Measured& measured,
                  int ranks) {
  std::sort(seconds.begin(), seconds.end());
  fmt::print(
      "{{\"seconds\": [{:.4f}], \"rows\": {}, \"flops\": {:.0f}, \"attention_flops\": {:.0f}, "
      "\"gemm_peak_fp32\": {:.0f}, \"gemm_peak_bf16\": "
      "{:.0f}, "
      "\"peak_bytes\": {:.0f}, \"ranks\": {}, \"threads\": {}}}\n",
      fmt::join(seconds, ", "), work.rows, work.cost.total(), work.cost.attention,
      measured.gemm_peak_fp32, measured.gemm_peak_bf16, measured.peak_bytes, ranks,
      at::get_num_threads());
}

void train_and_print(const TrainingShape& shape, comm::ProcessGroup& group) {
  const LlamaModel model(shape.model_dir, shape.bf16 ? at::kBFloat16 : at::kFloat, group.device(),
                         Products::kBf16);
  const data::TokenData data =
      synthetic_examples(shape.prefix, shape.suffix, shape.examples, 1, model.config().vocabulary);
  const TrainOptions options = options_of(shape);
  TrainOptions watched = options;
  std::vector<double> seconds;
  watched.callbacks.on_step = [&](const StepRecord& record) {
    if (record.step > 1)
      seconds.push_back(static_cast<double>(shape.examples) / record.examples_per_s);
  };
  Trainer trainer(model, data, std::move(watched), group);
  trainer.run();
  const Measured measured = measure(peak_memory(group.device()), group);
  if (group.rank() == 0) {
    print_result(std::move(seconds),
                 work_of_a_step(trainer.plan(), data, model.config(), options.lora), measured,
                 group.world_size());
  }
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
  const TrainingShape shape = shape_of(argc, argv);
  const std::unique_ptr<comm::ProcessGroup> host = comm::make_mpi_process_group({});
  const std::unique_ptr<comm::ProcessGroup> group =
      comm::make_device_process_group(*host, {.device_type = shape.gpu ? at::kCUDA : at::kCPU});
  if (shape.gpu) {  // as candor does
    at::globalContext().setDeterministicAlgorithms(true, /*warn_only=*/false);
    at::globalContext().setDeterministicFillUninitializedMemory(false);
  }
  train_and_print(shape, *group);
  session.finalize();
  return 0;
}

}  // namespace
}  // namespace candor::trainer

int main(int argc, char** argv) { return candor::trainer::run(argc, argv); }
