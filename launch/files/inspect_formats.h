// What `candor inspect` prints about each kind of file, as text.
#pragma once

#include <cstdint>
#include <string>

namespace candor::launch {

std::string inspect_safetensors(const std::string& path);
std::string inspect_gguf(const std::string& path);
std::string inspect_json_lines(const std::string& path, int64_t max_records);

// `tokenizer`: model folder or tokenizer.json; empty: that of model.path in config.yaml beside the
// file. Without one the ids are printed undecoded.
std::string inspect_token_file(const std::string& path, int64_t max_records,
                               const std::string& tokenizer);

// A checkpoint, adapter, model or run folder.
std::string inspect_folder(const std::string& path, int64_t max_records);

}  // namespace candor::launch
