// The base weights in the layout that the passes multiply with, in one file that all ranks of a
// host, and other runs, map: one copy in memory.
//
// Collective. The first rank of each host makes the file where it isn't there whole; its name is a
// hash of the model's identity and the dtype, so a folder may hold several. A tensor that doesn't
// lie at a multiple of 64 bytes is copied out, so that results have the bits of weights in memory
// of one's own. Throws std::system_error for a folder that can't be written, and what
// ModelWeights::load throws.
#pragma once

#include <string>

#include "comm/process_group.h"
#include "trainer/model/model_weights.h"

namespace candor::trainer {

// identity: of the model's files (model_identity.h). On the CPU.
ModelWeights map_shared_weights(const std::string& model_dir, const ModelConfig& config,
                                at::ScalarType dtype, const std::string& identity,
                                const std::string& folder, comm::ProcessGroup& group);

// The file that it makes and maps.
std::string shared_weights_path(const std::string& folder, const std::string& identity,
                                at::ScalarType dtype);

}  // namespace candor::trainer
