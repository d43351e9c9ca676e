// What fixes the bits of an adapter, said in one place: `candor run` trains again when it changes,
// and a checkpoint of another one isn't gone on from.
//
// The model is part of it by the tokens: tokens.h5 knows its identity.
#pragma once

#include <c10/core/Device.h>

#include <string>

#include "launch/config/run_config.h"
#include "launch/config/run_paths.h"

namespace candor::launch {

// SHA-256 of the keys that the train stage declares, the kind of processor (on a GPU its kind too)
// and the tokens: what checkpoints carry.
std::string training_identity(const RunConfig& config, const std::string& tokens_sha256,
                              at::Device device);

// Of what the layers below the lowest adapted one give for a token file, which is all that the
// run's trainings share.
std::string trunk_identity(const RunConfig& config, const std::string& model_identity,
                           const std::string& tokens_sha256, at::Device device);

// Of the newest checkpoint that says it; empty where there is none. One whose state.json is damaged
// doesn't say whose it is: those before it do.
std::string identity_of_checkpoints(const std::string& checkpoints);

// In what the training that wrote `output` differs from one with `config`: keys by their names, or
// what else is part of its identity. Rank 0's files.
std::string training_difference(const RunConfig& config, const RunPaths& output);

}  // namespace candor::launch
