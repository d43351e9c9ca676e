// What a training changes, the same on every rank.
#pragma once

#include "trainer/model/lora.h"
#include "trainer/training/adamw.h"
#include "trainer/training/checkpoint.h"
#include "trainer/training/train_context.h"

namespace candor::trainer {

struct Learner {
  explicit Learner(const TrainContext& context);

  LoraAdapter adapter;
  AdamW optimizer;  // of the adapter's parameters
  TrainState state{};
};

}  // namespace candor::trainer
