#include "launch/context/lora_options.h"

namespace candor::launch {

trainer::LoraOptions lora_options(const LoraSection& section) {
  return {.rank = section.rank,
          .alpha = section.alpha,
          .dropout = section.dropout,
          .rslora = section.rslora,
          .modules = section.modules,
          .layer_begin = section.layers.begin,
          .layer_end = section.layers.end};
}

}  // namespace candor::launch
