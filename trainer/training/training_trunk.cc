#include "trainer/training/training_trunk.h"

#include <fmt/format.h>

#include "data_pipeline/tokens/sampler.h"

namespace candor::trainer {

std::unique_ptr<FrozenTrunk> make_training_trunk(const TrainContext& context,
                                                 std::set<int64_t> examples) {
  const TrainOptions& options = context.options;
  const int64_t layer = options.lora.layers.begin;
  const bool keys_values = options.lora.acts_from_marker();
  if (!options.settings.computing.frozen_trunk || (layer == 0 && !keys_values)) return nullptr;
  if (options.trunk.of_all) {
    for (const char* split : {"train", "validation"}) {
      const auto all = data::examples_of_split(context.data, split, /*graded_only=*/true);
      examples.insert(all.begin(), all.end());
    }
  }
  auto trunk = std::make_unique<FrozenTrunk>(
      context.model, context.data, std::vector<int64_t>(examples.begin(), examples.end()),
      FrozenTrunkOptions{.layer = layer,
                         .keys_values = keys_values,
                         .path = options.trunk.path,
                         .identity = options.trunk.identity,
                         .hosts = options.hosts,
                         .on_progress = options.callbacks.on_trunk},
      context.group);
  const std::string what = keys_values ? "before the marker all is the base model's"
                                       : fmt::format("layers 0-{} are frozen", layer - 1);
  context.say(fmt::format("{}: what {} examples give there {} {} ({:.0f} MB)", what,
                          examples.size(), trunk->reused() ? "is read from" : "is kept in",
                          options.trunk.path, static_cast<double>(trunk->size_bytes()) / 1e6));
  return trunk;
}

}  // namespace candor::trainer
