// Byte-pair encoding of one word: starts from its bytes and always joins the neighbours whose merge
// comes first in the list, the leftmost first. Source: Sennrich et al. 2016; the order of joins is
// that of Hugging Face's `tokenizers`.
//
// Thread-safe: encode() may be called from any number of threads; they share a cache of words.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace candor::data {

// An id is an index into tables of 70 bytes an entry, so a wild one must not allocate them. The
// largest vocabularies have some 260,000 entries.
inline constexpr std::uint32_t kLargestTokenId = (1U << 20) - 1;

class Bpe {
 public:
  struct Token {
    std::uint32_t id;
    std::uint32_t length_bytes;  // how much of the word it covers
  };

  // `model` is the "model" of a tokenizer.json. Merges come as "a b" or ["a", "b"]. Throws
  // std::invalid_argument for another model than BPE, for dropout, byte_fallback, sub-word prefixes
  // and suffixes, for two entries with one id, and for a merge of or into something that isn't in
  // the vocabulary.
  explicit Bpe(const nlohmann::json& model);

  // Appends the word's tokens. With ignore_merges a word that is in the vocabulary is that token. A
  // byte that isn't in the vocabulary becomes unk_token; where there is none, it is left out, as
  // `tokenizers` does.
  void encode(std::string_view word, std::vector<Token>& tokens) const;

  // Entries are in the byte-level alphabet ("Ġthe").
  std::optional<std::uint32_t> token_to_id(const std::string& token) const;
  const std::unordered_map<std::string, std::uint32_t>& vocabulary() const { return vocabulary_; }

 private:
  struct Merge {
    std::uint32_t rank, id;
  };
  struct Symbol;
  struct Candidate;

  void read_merges(const nlohmann::json& merges);
  const Merge* find_merge(std::uint32_t left, std::uint32_t right) const;
  std::vector<Token> split_into_known_bytes(std::string_view word) const;
  void merge(std::vector<Token>& tokens) const;

  std::unordered_map<std::string, std::uint32_t> vocabulary_;
  std::unordered_map<std::uint64_t, Merge> merges_;  // by left id << 32 | right id
  std::optional<std::uint32_t> byte_ids_[256];
  std::optional<std::uint32_t> unknown_id_;
  bool fuse_unknown_ = false, ignore_merges_ = false;

  mutable std::shared_mutex cache_mutex_;
  mutable std::unordered_map<std::string, std::vector<Token>> cache_;
};

}  // namespace candor::data
