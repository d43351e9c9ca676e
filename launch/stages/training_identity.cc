#include "launch/stages/training_identity.h"

#include <fmt/format.h>

#include <optional>
#include <vector>

#include "comm/device_group.h"
#include "data_pipeline/files/sha256.h"
#include "launch/config/recorded_config.h"
#include "launch/ranks/processor.h"
#include "launch/stages/stage_list.h"
#include "trainer/training/checkpoint.h"

namespace candor::launch {
namespace {

std::string processor_and_device(at::Device device) {
  return this_processor().kind + (device.is_cpu() ? "" : comm::gpu_name(device.index()));
}

}  // namespace

std::string training_identity(const RunConfig& config, const std::string& tokens_sha256,
                              at::Device device) {
  return data::sha256_hex(key_text(config, stage_named("train")) + processor_and_device(device) +
                          "\n" + tokens_sha256);
}

std::string identity_of_checkpoints(const std::string& checkpoints) {
  std::vector<int64_t> steps = trainer::checkpoint_steps(checkpoints);
  std::string identity;
  for (; identity.empty() && !steps.empty(); steps.pop_back())
    identity = trainer::checkpoint_identity(checkpoints, steps.back());
  return identity;
}

std::string training_difference(const RunConfig& config, const RunPaths& output) {
  const std::optional<RunConfig> recorded = recorded_config(output.dir);
  if (!recorded) return output.config() + " isn't there to say how the configs differ";
  const std::string keys =
      differences_text(differing_keys(*recorded, config, stage_named("train").result_keys));
  if (!keys.empty()) return keys;
  return "the configs agree, so tokens.h5, the kind of processor or device, or the version of "
         "candor is another";
}

std::string trunk_identity(const RunConfig& config, const std::string& model_identity,
                           const std::string& tokens_sha256, at::Device device) {
  return fmt::format("{}\n{}\n{} {}\n{}\n{} threads", model_identity, tokens_sha256,
                     trainer::choice_name(config.model.dtype),
                     trainer::choice_name(config.model.products), processor_and_device(device),
                     config.run.threads_per_rank);
}

}  // namespace candor::launch
