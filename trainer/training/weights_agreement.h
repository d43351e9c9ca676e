// Whether all ranks still hold the same numbers: a memory or disk that changed a bit on one of them
// would train something else, silently.
//
// Collective. Throws comm::CommError, on all ranks together, that names the ranks which differ
// from most.
#pragma once

#include "comm/process_group.h"
#include "trainer/model/llama.h"
#include "trainer/training/adamw.h"

namespace candor::trainer {

// Base weights, adapter and the optimizer's moments, as hashes. `when` begins the message: "step
// 100".
void check_weights_agree(const LlamaModel& model, const LoraAdapter& adapter,
                         const AdamW& optimizer, const std::string& when,
                         comm::ProcessGroup& group);

}  // namespace candor::trainer
