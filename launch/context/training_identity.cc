#include "launch/context/training_identity.h"

#include <fmt/format.h>

#include "comm/device_group.h"
#include "data_pipeline/files/sha256.h"
#include "launch/ranks/processor.h"

namespace candor::launch {

std::string training_keys(const RunConfig& config) {
  RunConfig part;
  part.run.dir = part.model.path = "-";
  part.run.seed = config.run.seed;
  part.run.threads_per_rank = config.run.threads_per_rank;
  part.model.dtype = config.model.dtype;
  part.model.products = config.model.products;
  part.model.device = config.model.device;
  part.lora = config.lora;
  part.objective = config.objective;
  part.objective_lm_weight = config.objective_lm_weight;
  part.train = config.train;
  part.train.checkpoint_every = TrainSection{}.checkpoint_every;
  part.train.keep_checkpoints = TrainSection{}.keep_checkpoints;
  part.train.verify_every = TrainSection{}.verify_every;
  part.train.trunk_dir = TrainSection{}.trunk_dir;
  part.evaluate.batch_examples = config.evaluate.batch_examples;  // of validation
  return to_yaml(part);
}

namespace {

std::string processor_and_device(at::Device device) {
  return this_processor().kind + (device.is_cpu() ? "" : comm::gpu_name(device.index()));
}

}  // namespace

std::string training_identity(const RunConfig& config, const std::string& tokens_sha256,
                              at::Device device) {
  return data::sha256_hex(training_keys(config) + processor_and_device(device) + "\n" +
                          tokens_sha256);
}

std::string trunk_identity(const RunConfig& config, const std::string& model_identity,
                           const std::string& tokens_sha256, at::Device device) {
  return fmt::format("{}\n{}\n{} {}\n{}\n{} threads", model_identity, tokens_sha256,
                     config.model.dtype, config.model.products, processor_and_device(device),
                     config.run.threads_per_rank);
}

}  // namespace candor::launch
