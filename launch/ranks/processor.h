// What the bits of a result depend on beside the program: the kind of processor.
#pragma once

#include <string>

namespace candor::launch {

struct Processor {
  std::string name;  // as it calls itself
  std::string kind;  // vendor, family and model, and the vector instructions that libtorch chose:
                     // equal kinds compute equal bits
  std::string features;  // those that matter here: avx2, fma, avx512f, avx512_bf16, amx_bf16
};

Processor this_processor();

}  // namespace candor::launch
