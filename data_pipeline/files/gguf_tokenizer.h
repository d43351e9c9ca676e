// The tokenizer of a GGUF file as Hugging Face files. Read are byte-level BPE tokenizers ("gpt2")
// with the pre-tokenizers "smollm" (digits one by one, then GPT-2's pattern) and "gpt-2" (the
// pattern alone).
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "data_pipeline/files/gguf.h"

namespace candor::data {

// tokenizer.json: vocabulary, merges, special tokens (type 3) and user-defined ones (type 4) as
// added tokens, pre-tokenizer and decoder.
// Throws std::invalid_argument for another kind of tokenizer, a repeated token, lists of different
// lengths, or a merge of tokens that don't exist.
nlohmann::json gguf_tokenizer_json(const GgufFile& file);

// tokenizer_config.json: class PreTrainedTokenizerFast (a GPT2Tokenizer would put its own
// pre-tokenizer in place of ours), special tokens, and the chat template where the file has one.
nlohmann::json gguf_tokenizer_config_json(const GgufFile& file);

}  // namespace candor::data
