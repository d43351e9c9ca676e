// What train_step_bench is asked to train: the arguments of its command line, and the options of
// the training loop that they stand for.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <sstream>
#include <string>
#include <vector>

#include "trainer/training/train_options.h"

namespace candor::trainer {

struct TrainingShape {
  std::string model_dir;
  int64_t prefix, suffix, examples, micro_batch, steps, first_layer;
  std::vector<std::string> modules;
  bool bf16;
  std::string folder;
  bool gpu;
};

inline TrainingShape shape_of(int argc, char** argv) {
  const auto number = [&](int i) { return static_cast<int64_t>(std::atoll(argv[i])); };
  TrainingShape shape{.model_dir = argv[1],
                      .prefix = number(2),
                      .suffix = number(3),
                      .examples = number(4),
                      .micro_batch = number(5),
                      .steps = number(6),
                      .first_layer = number(7),
                      .modules = {},
                      .bf16 = std::string(argv[9]) == "bf16",
                      .folder = argv[10],
                      .gpu = argc == 12 && std::string(argv[11]) == "cuda"};
  std::istringstream modules(argv[8]);
  for (std::string module; std::getline(modules, module, ',');) shape.modules.push_back(module);
  return shape;
}

inline TrainOptions options_of(const TrainingShape& shape) {
  TrainOptions options;
  options.lora.dropout = 0;
  options.lora.layers.begin = shape.first_layer;
  options.lora.modules = shape.modules;
  options.objective = {{.loss = Loss::kTokenizedBrier}};
  options.settings.batches = {.max_steps = shape.steps,
                              .global_batch_examples = shape.examples,
                              .micro_batch_examples = shape.micro_batch};
  options.settings.validation.every = options.settings.checkpoints.every = shape.steps;
  options.outputs = {.checkpoints_dir = shape.folder + "/checkpoints",
                     .adapter_dir = shape.folder + "/adapter",
                     .metrics_path = shape.folder + "/metrics.jsonl"};
  options.trunk = {.path = shape.folder + "/trunk.safetensors", .identity = "bench"};
  options.base_model.folder = options.continuation.identity = "bench";
  return options;
}

}  // namespace candor::trainer
