#include "data_pipeline/tokenizer/tokenizer.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <unordered_map>

#include "data_pipeline/files/jsonl.h"
#include "data_pipeline/files/read_file.h"
#include "data_pipeline/files/sha256.h"
#include "data_pipeline/tokenizer/added_tokens.h"
#include "data_pipeline/tokenizer/bpe.h"
#include "data_pipeline/tokenizer/byte_level.h"
#include "data_pipeline/tokenizer/normalizer.h"
#include "data_pipeline/tokenizer/pre_tokenizer.h"

namespace candor::data {
namespace {

using nlohmann::json;

json field_or_null(const json& root, const char* name) {
  return root.contains(name) ? root.at(name) : json(nullptr);
}

std::vector<AddedToken> read_added_tokens(const json& list) {
  std::vector<AddedToken> tokens;
  if (list.is_null()) return tokens;
  for (const json& entry : list) {
    const auto id = entry.at("id").get<std::int64_t>();
    if (id < 0 || id > kLargestTokenId) {
      throw std::invalid_argument(fmt::format("added_tokens: {} has id {}, expected 0 to {}",
                                              entry.at("content").dump(), id, kLargestTokenId));
    }
    const bool special = entry.value("special", false);
    tokens.push_back({.id = static_cast<std::uint32_t>(id),
                      .content = entry.at("content").get<std::string>(),
                      .special = special,
                      .single_word = entry.value("single_word", false),
                      .lstrip = entry.value("lstrip", false),
                      .rstrip = entry.value("rstrip", false),
                      .normalized = entry.value("normalized", !special)});
  }
  return tokens;
}

void check_decoder(const json& decoder) {
  const std::string type = decoder.is_null() ? "null" : decoder.at("type").get<std::string>();
  if (type != "ByteLevel")
    throw std::invalid_argument(
        fmt::format("decoder: \"{}\" isn't supported, only ByteLevel", type));
}

}  // namespace

struct Tokenizer::Tables {
  explicit Tables(const json& root)
      : composes(read_normalizer(field_or_null(root, "normalizer"))),
        pre_tokenizer(field_or_null(root, "pre_tokenizer")),
        bpe(root.at("model")) {
    check_decoder(field_or_null(root, "decoder"));
    for (const auto& [token, id] : bpe.vocabulary()) put(id, token, false);
    std::vector<AddedToken> before, after;
    for (AddedToken& token : read_added_tokens(field_or_null(root, "added_tokens"))) {
      const auto known = bpe.token_to_id(token.content);
      if (known && *known != token.id) {
        throw std::invalid_argument(
            fmt::format("added_tokens: \"{}\" has id {}, but id {} in model.vocab", token.content,
                        token.id, *known));
      }
      if (token.id < tokens.size() && present[token.id] && tokens[token.id] != token.content) {
        throw std::invalid_argument(
            fmt::format("added_tokens: \"{}\" has id {}, which \"{}\" has too", token.content,
                        token.id, tokens[token.id]));
      }
      added_ids[token.content] = token.id;
      if (token.normalized && composes)
        token.content = std::string(NormalizedText(token.content, 0, true).text());
      put(token.id, token.content, token.special);
      (token.normalized ? after : before).push_back(std::move(token));
    }
    added_before = AddedTokens(before);
    added_after = AddedTokens(after);
  }

  void put(std::uint32_t id, const std::string& token, bool is_special_token) {
    if (id >= tokens.size()) {
      tokens.resize(id + 1);
      bytes.resize(id + 1);
      present.resize(id + 1);
      special.resize(id + 1);
    }
    tokens[id] = token;
    bytes[id] = from_byte_level(token);
    present[id] = true;
    special[id] = is_special_token;
  }

  template <typename Take>  // take(id, begin, end), places in the text
  void encode(std::string_view text, const Take& take) const;

  bool composes;
  PreTokenizer pre_tokenizer;
  Bpe bpe;
  AddedTokens added_before, added_after;  // looked for before and after normalisation
  std::unordered_map<std::string, std::uint32_t> added_ids;
  std::vector<std::string> tokens, bytes;  // by id
  std::vector<bool> present, special;
  std::string sha256;
};

template <typename Take>
void Tokenizer::Tables::encode(std::string_view text, const Take& take) const {
  if (const std::size_t at = find_invalid_utf8(text); at != std::string_view::npos) {
    throw std::invalid_argument(
        fmt::format("text to tokenize: byte {} of {} (0x{:02x}) isn't valid UTF-8", at, text.size(),
                    static_cast<unsigned char>(text[at])));
  }
  std::vector<Bpe::Token> word_tokens;
  for (const auto& outer : added_before.cut(text)) {
    if (outer.id) {
      take(*outer.id, outer.range.begin, outer.range.end);
      continue;
    }
    const NormalizedText normalized(
        text.substr(outer.range.begin, outer.range.end - outer.range.begin), outer.range.begin,
        composes);
    for (const auto& inner : added_after.cut(normalized.text())) {
      if (inner.id) {
        const auto range = normalized.original_range(inner.range.begin, inner.range.end);
        take(*inner.id, range.first, range.second);
        continue;
      }
      pre_tokenizer.for_each_word(
          normalized.text().substr(inner.range.begin, inner.range.end - inner.range.begin),
          [&](const Word& word) {
            word_tokens.clear();
            bpe.encode(word.bytes, word_tokens);
            std::ptrdiff_t at = word.begin;
            const auto place = [&word, &inner](std::ptrdiff_t byte) {
              return inner.range.begin + static_cast<std::size_t>(std::max(
                                             byte, static_cast<std::ptrdiff_t>(word.lowest)));
            };
            for (const Bpe::Token token : word_tokens) {
              const std::size_t begin = place(at);
              at += token.length_bytes;
              const auto range = normalized.original_range(begin, place(at));
              take(token.id, range.first, range.second);
            }
          });
    }
  }
}

Tokenizer Tokenizer::from_file(const std::string& tokenizer_json_path) {
  const std::string content = read_file(tokenizer_json_path);
  const json root = parse_json(content, tokenizer_json_path + ": not a readable tokenizer.json");
  try {
    auto tables = std::make_shared<Tables>(root);
    tables->sha256 = sha256_hex(content);
    return Tokenizer(std::move(tables));
  } catch (const json::exception& error) {
    throw std::invalid_argument(
        fmt::format("{}: not a readable tokenizer.json: {}", tokenizer_json_path, error.what()));
  } catch (const std::invalid_argument& error) {
    throw std::invalid_argument(fmt::format("{}: {}", tokenizer_json_path, error.what()));
  }
}

std::vector<std::uint32_t> Tokenizer::encode(std::string_view text) const {
  std::vector<std::uint32_t> ids;
  tables_->encode(text, [&ids](std::uint32_t id, std::size_t, std::size_t) { ids.push_back(id); });
  return ids;
}

Tokenizer::Encoding Tokenizer::encode_with_offsets(std::string_view text) const {
  Encoding encoding;
  tables_->encode(text, [&encoding](std::uint32_t id, std::size_t begin, std::size_t end) {
    encoding.ids.push_back(id);
    encoding.byte_offsets.emplace_back(begin, end);
  });
  return encoding;
}

std::string Tokenizer::decode(std::span<const std::uint32_t> ids, bool skip_special) const {
  std::string bytes;
  for (const std::uint32_t id : ids) {
    if (id < tables_->bytes.size() && !(skip_special && tables_->special[id]))
      bytes += tables_->bytes[id];
  }
  return replace_invalid_utf8(bytes);
}

std::optional<std::uint32_t> Tokenizer::token_to_id(std::string_view token) const {
  const std::string key(token);
  const auto added = tables_->added_ids.find(key);
  return added != tables_->added_ids.end() ? std::optional(added->second)
                                           : tables_->bpe.token_to_id(key);
}

std::optional<std::string> Tokenizer::id_to_token(std::uint32_t id) const {
  return id < tables_->tokens.size() && tables_->present[id] ? std::optional(tables_->tokens[id])
                                                             : std::nullopt;
}

bool Tokenizer::is_special(std::uint32_t id) const {
  return id < tables_->special.size() && tables_->special[id];
}

std::size_t Tokenizer::vocabulary_size() const { return tables_->tokens.size(); }

const std::string& Tokenizer::sha256() const { return tables_->sha256; }

}  // namespace candor::data
