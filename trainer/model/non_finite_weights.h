// Whose weights hold a NaN or an infinity, for the message about numbers that came out so.
#pragma once

#include <string>

#include "trainer/model/llama.h"
#include "trainer/model/lora.h"

namespace candor::trainer {

// "the base model holds a NaN or an infinity in model.norm.weight: ..." with what to do; both where
// both do, and `where_neither` behind the word that none does. Names are those of the files. It
// reads all weights, so it is for the way out. adapter: null for the base model alone.
std::string non_finite_weights(const LlamaModel& model, const LoraAdapter* adapter,
                               const std::string& where_neither);

}  // namespace candor::trainer
