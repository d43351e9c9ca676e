// What the parts of a training (trainer.h) share. It owns nothing.
#pragma once

#include <string>

#include "comm/process_group.h"
#include "data_pipeline/tokens/token_data.h"
#include "trainer/model/llama.h"
#include "trainer/training/train_options.h"

namespace candor::trainer {

struct TrainContext {
  const LlamaModel& model;
  const data::TokenData& data;
  const TrainOptions& options;
  comm::ProcessGroup& group;

  // To the user, from whichever rank is rank 0 now.
  void say(const std::string& message) const {
    if (group.rank() == 0 && options.callbacks.on_message) options.callbacks.on_message(message);
  }
};

}  // namespace candor::trainer
