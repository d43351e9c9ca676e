// What a model is, as 64 hex digits: SHA-256 over config.json, tokenizer.json and an XXH3-128 of
// every safetensors file in the folder.
// The weights get the fast hash, which is enough to notice that they changed; it isn't meant to
// withstand forgery.
#pragma once

#include <string>

namespace candor::data {

// Throws std::system_error if a file can't be read, std::invalid_argument if the folder holds no
// weights.
std::string model_identity(const std::string& model_folder);

}  // namespace candor::data
