// Converts a Llama-architecture GGUF file to a Hugging Face model folder: config.json,
// generation_config.json, model.safetensors (fp32, bit-equal to gguf.dequantize of the Python
// package `gguf`, rows of q and k back in Hugging Face's order), tokenizer.json,
// tokenizer_config.json.
#pragma once

#include <string>

namespace candor::data {

// Makes out_dir where it doesn't exist; replaces files of these names in it; config.json is written
// last, so a folder that has one is whole.
// The same GGUF file gives the same bytes. Needs about four times the parameters' number of bytes
// on disk, but only one tensor's in memory.
// Throws std::invalid_argument (naming the file and key or tensor) for a file that isn't a whole
// Llama model, std::system_error for the disk.
void import_gguf(const std::string& gguf_path, const std::string& out_dir);

}  // namespace candor::data
