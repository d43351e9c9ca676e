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

// Of the folder's other files that answers or tokens may depend on, of those that are there:
// generation_config.json (what ends an answer), tokenizer_config.json, special_tokens_map.json and
// chat_template.jinja (the chat template and the tokens in it). SHA-256 of their names and bytes.
std::string model_texts_identity(const std::string& model_folder);

}  // namespace candor::data
