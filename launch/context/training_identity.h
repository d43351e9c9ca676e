// What fixes the bits of an adapter, said in one place: `candor run` trains again when it changes,
// and a checkpoint of another one isn't gone on from.
//
// Where things are written, how often checkpoints are, how many are kept and how long ranks wait
// isn't part of it. How often and on what is validated is: validation chooses the checkpoint that
// becomes the adapter.
#pragma once

#include <c10/core/Device.h>

#include <string>

#include "launch/config/run_config.h"

namespace candor::launch {

// The keys of the config, as text. The model and the tokens are the caller's: tokens.h5 knows the
// model's identity.
std::string training_keys(const RunConfig& config);

// SHA-256 of those keys, the kind of processor (on a GPU its kind too) and the tokens: what
// checkpoints carry.
std::string training_identity(const RunConfig& config, const std::string& tokens_sha256,
                              at::Device device);

// Of what the layers below the lowest adapted one give for a token file, which is all that the
// run's trainings share.
std::string trunk_identity(const RunConfig& config, const std::string& model_identity,
                           const std::string& tokens_sha256, at::Device device);

}  // namespace candor::launch
