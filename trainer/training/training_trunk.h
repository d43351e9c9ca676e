// The frozen trunk (frozen_trunk.h) of a training's examples: those that its steps take, and those
// it validates on.
#pragma once

#include <cstdint>
#include <memory>
#include <set>
#include <vector>

#include "trainer/base_cache/frozen_trunk.h"
#include "trainer/training/train_context.h"

namespace candor::trainer {

// Collective. `examples` are those that the run reads. Null where all layers are adapted
// everywhere, or the settings don't want one.
std::unique_ptr<FrozenTrunk> make_training_trunk(const TrainContext& context,
                                                 std::set<int64_t> examples);

}  // namespace candor::trainer
