// Text to token ids and back, as a Hugging Face tokenizer.json says. Read are byte-level BPE
// tokenizers (Llama 3, Qwen 2.5, Tekken, SmolLM2).
//
// Surprising: encode() never adds a token of its own, whatever the file's post_processor says; a
// BOS comes from the chat template or the caller. The file's truncation and padding are ignored
// too. Added tokens in the text ("<|im_end|>") are recognised, special or not.
//
// Usage:   const auto tokenizer = Tokenizer::from_file(dir + "/tokenizer.json");   const auto ids =
// tokenizer.encode("2 + 2 =");
// Thread-safe, immutable; a copy shares the tables.
// Agrees token for token with Hugging Face's `tokenizers` on text of Unicode 14 without U+180E
// (without the combining marks younger than Unicode 9 where the tokenizer normalises to NFC);
// tests/oracles/tokenizer_oracle.py checks it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace candor::data {

class Tokenizer {
 public:
  struct Encoding {
    std::vector<std::uint32_t> ids;
    // First and past-the-end byte of the text for each id. They don't overlap, except where
    // normalisation made one character of several.
    std::vector<std::pair<std::size_t, std::size_t>> byte_offsets;
  };

  // Throws std::system_error if the file can't be read, std::invalid_argument naming the file and
  // the component that isn't supported or isn't as expected.
  static Tokenizer from_file(const std::string& tokenizer_json_path);

  // Throw std::invalid_argument if the text isn't valid UTF-8.
  std::vector<std::uint32_t> encode(std::string_view text) const;
  Encoding encode_with_offsets(std::string_view text) const;

  // Ids without a token are left out; bytes that aren't UTF-8 become U+FFFD.
  std::string decode(std::span<const std::uint32_t> ids, bool skip_special = true) const;

  // Entries as the file has them: an added token's content, or a vocabulary entry in the byte-level
  // alphabet ("Ġthe"). An added token that is looked for after normalisation comes back normalised.
  std::optional<std::uint32_t> token_to_id(std::string_view token) const;
  std::optional<std::string> id_to_token(std::uint32_t id) const;
  bool is_special(std::uint32_t id) const;

  // One more than the largest id, added tokens included.
  std::size_t vocabulary_size() const;

  // Of the file's bytes, as 64 hex digits.
  const std::string& sha256() const;

 private:
  struct Tables;
  explicit Tokenizer(std::shared_ptr<const Tables> tables) : tables_(std::move(tables)) {}

  std::shared_ptr<const Tables> tables_;
};

}  // namespace candor::data
