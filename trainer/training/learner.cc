#include "trainer/training/learner.h"

#include <limits>

namespace candor::trainer {

Learner::Learner(const TrainContext& context)
    : adapter(context.model.config(), context.options.lora, context.model.dtype(),
              context.model.device()),
      optimizer(adapter.parameters(), context.options.settings.update.adamw) {
  adapter.initialize(context.options.seed);
  state.identity = context.options.continuation.identity;
  state.base_model = context.options.base_model.folder;
  state.best_brier = std::numeric_limits<double>::infinity();
}

}  // namespace candor::trainer
