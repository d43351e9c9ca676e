// The adapter of a config's lora section, as the trainer takes it; the marker's tokens, which an
// aLoRA adapter acts from, are the caller's to add.
#pragma once

#include "launch/config/run_config.h"
#include "trainer/model/lora.h"

namespace candor::launch {

trainer::LoraOptions lora_options(const LoraSection& section);

}  // namespace candor::launch
