#include "data_pipeline/tokenizer/bpe.h"

#include <fmt/format.h>

#include <limits>
#include <mutex>
#include <queue>
#include <stdexcept>
#include <unordered_set>

#include "data_pipeline/tokenizer/byte_level.h"

namespace candor::data {
namespace {

using nlohmann::json;

constexpr std::size_t kCachedWords = 20000, kCachedWordBytes = 64;
constexpr std::uint32_t kNone = std::numeric_limits<std::uint32_t>::max();

std::uint64_t pair_key(std::uint32_t left, std::uint32_t right) {
  return static_cast<std::uint64_t>(left) << 32 | right;
}

void refuse_text(const json& model, const char* key) {
  const auto found = model.find(key);
  if (found == model.end() || found->is_null() || *found == "") return;
  throw std::invalid_argument(
      fmt::format("model.{}: {} isn't supported, only null", key, found->dump()));
}

void refuse_options(const json& model) {
  if (const auto type = model.value("type", "BPE"); type != "BPE") {
    throw std::invalid_argument(fmt::format("model.type: \"{}\" isn't supported, only BPE", type));
  }
  const auto dropout = model.find("dropout");
  if (dropout != model.end() && !dropout->is_null() && *dropout != 0.0) {
    throw std::invalid_argument(
        fmt::format("model.dropout: {} isn't supported, only null", dropout->dump()));
  }
  refuse_text(model, "continuing_subword_prefix");
  refuse_text(model, "end_of_word_suffix");
  if (model.value("byte_fallback", false))
    throw std::invalid_argument(
        "model.byte_fallback: true isn't supported, only byte-level vocabularies are");
}

}  // namespace

// A node of the doubly linked list of a word's tokens; length 0 once it was joined to its left
// neighbour.
struct Bpe::Symbol {
  Token token;
  std::uint32_t previous, next;
};

struct Bpe::Candidate {
  std::uint32_t rank, position, id;
  // std::priority_queue hands out the largest.
  bool operator<(const Candidate& other) const {
    return rank != other.rank ? rank > other.rank : position > other.position;
  }
};

Bpe::Bpe(const json& model) {
  refuse_options(model);
  std::unordered_set<std::uint32_t> seen;
  const json& vocabulary = model.at("vocab");
  if (!vocabulary.is_object()) {
    throw std::invalid_argument(fmt::format(
        "model.vocab: expected an object of token: id, got a JSON {}", vocabulary.type_name()));
  }
  for (const auto& [token, value] : vocabulary.items()) {
    if (!value.is_number_integer()) {
      throw std::invalid_argument(
          fmt::format("model.vocab: \"{}\" has id {}, expected an integer", token, value.dump()));
    }
    const auto id = value.get<std::int64_t>();
    if (id < 0 || id > kLargestTokenId)
      throw std::invalid_argument(fmt::format("model.vocab: \"{}\" has id {}, expected 0 to {}",
                                              token, id, kLargestTokenId));
    if (!seen.insert(static_cast<std::uint32_t>(id)).second) {
      throw std::invalid_argument(
          fmt::format("model.vocab: id {} is given twice, \"{}\" has it too", id, token));
    }
    vocabulary_.emplace(token, static_cast<std::uint32_t>(id));
  }
  for (std::size_t byte = 0; byte < 256; ++byte)
    byte_ids_[byte] =
        token_to_id(std::string(byte_level_character(static_cast<std::uint8_t>(byte))));
  if (const auto unknown = model.find("unk_token"); unknown != model.end() && !unknown->is_null()) {
    unknown_id_ = token_to_id(unknown->get<std::string>());
    if (!unknown_id_)
      throw std::invalid_argument(
          fmt::format("model.unk_token: {} isn't in the vocabulary", unknown->dump()));
  }
  fuse_unknown_ = model.value("fuse_unk", false);
  ignore_merges_ = model.value("ignore_merges", false);
  read_merges(model.at("merges"));
}

void Bpe::read_merges(const json& merges) {
  if (!merges.is_array())
    throw std::invalid_argument(
        fmt::format("model.merges: expected a list, got a JSON {}", merges.type_name()));
  std::uint32_t rank = 0;
  for (const json& entry : merges) {
    std::string left, right;
    const bool is_pair =
        entry.is_array() && entry.size() == 2 && entry[0].is_string() && entry[1].is_string();
    if (!is_pair && !entry.is_string()) {
      throw std::invalid_argument(fmt::format(
          "model.merges: number {} is {}, expected \"a b\" or [\"a\", \"b\"]", rank, entry.dump()));
    }
    if (is_pair) {
      left = entry[0].get<std::string>();
      right = entry[1].get<std::string>();
    } else {
      const auto text = entry.get<std::string>();
      const std::size_t space = text.find(' ');
      if (space == std::string::npos || text.find(' ', space + 1) != std::string::npos) {
        throw std::invalid_argument(fmt::format(
            "model.merges: number {} (\"{}\") isn't two tokens with a space between them", rank,
            text));
      }
      left = text.substr(0, space);
      right = text.substr(space + 1);
    }
    const auto left_id = token_to_id(left), right_id = token_to_id(right),
               id = token_to_id(left + right);
    if (!left_id || !right_id || !id) {
      const std::string& missing = !left_id ? left : !right_id ? right : left + right;
      throw std::invalid_argument(fmt::format(
          "model.merges: number {} (\"{}\" \"{}\") needs \"{}\", which isn't in the vocabulary",
          rank, left, right, missing));
    }
    merges_[pair_key(*left_id, *right_id)] = {rank++, *id};
  }
}

std::optional<std::uint32_t> Bpe::token_to_id(const std::string& token) const {
  const auto found = vocabulary_.find(token);
  return found == vocabulary_.end() ? std::nullopt : std::optional(found->second);
}

const Bpe::Merge* Bpe::find_merge(std::uint32_t left, std::uint32_t right) const {
  const auto found = merges_.find(pair_key(left, right));
  return found == merges_.end() ? nullptr : &found->second;
}

std::vector<Bpe::Token> Bpe::split_into_known_bytes(std::string_view word) const {
  std::vector<Token> tokens;
  tokens.reserve(word.size());
  std::uint32_t left_out_bytes = 0;  // those before the first token; later ones count to the token
                                     // before them, so that lengths add up to the word's
  bool after_unknown = false;
  for (const char character : word) {
    const auto id = byte_ids_[static_cast<std::uint8_t>(character)];
    if (id || (unknown_id_ && !(after_unknown && fuse_unknown_))) {
      tokens.push_back({id ? *id : *unknown_id_, 1 + left_out_bytes});
      left_out_bytes = 0;
    } else if (tokens.empty()) {
      ++left_out_bytes;
    } else {
      ++tokens.back().length_bytes;
    }
    after_unknown = !id;
  }
  return tokens;
}

void Bpe::merge(std::vector<Token>& tokens) const {
  const auto count = static_cast<std::uint32_t>(tokens.size());
  std::vector<Symbol> symbols;
  symbols.reserve(count);
  for (std::uint32_t i = 0; i < count; ++i)
    symbols.push_back({tokens[i], i == 0 ? kNone : i - 1, i + 1 == count ? kNone : i + 1});

  std::priority_queue<Candidate> queue;
  const auto consider = [&](std::uint32_t left) {
    if (left == kNone || symbols[left].next == kNone) return;
    const Merge* const found =
        find_merge(symbols[left].token.id, symbols[symbols[left].next].token.id);
    if (found != nullptr) queue.push({found->rank, left, found->id});
  };
  for (std::uint32_t i = 0; i < count; ++i) consider(i);

  while (!queue.empty()) {
    const Candidate top = queue.top();
    queue.pop();
    Symbol& left = symbols[top.position];
    if (left.token.length_bytes == 0 || left.next == kNone) continue;
    Symbol& right = symbols[left.next];
    const Merge* const still = find_merge(left.token.id, right.token.id);
    if (still == nullptr || still->id != top.id)
      continue;  // a neighbour was joined elsewhere meanwhile
    left.token = {top.id, left.token.length_bytes + right.token.length_bytes};
    right.token.length_bytes = 0;
    left.next = right.next;
    if (left.next != kNone) symbols[left.next].previous = top.position;
    consider(left.previous);
    consider(top.position);
  }
  tokens.clear();
  for (std::uint32_t i = 0; i != kNone && i < count; i = symbols[i].next)
    tokens.push_back(symbols[i].token);
}

void Bpe::encode(std::string_view word, std::vector<Token>& tokens) const {
  const std::string key(word);
  const bool cacheable = word.size() <= kCachedWordBytes;
  if (cacheable) {
    const std::shared_lock lock(cache_mutex_);
    const auto found = cache_.find(key);
    if (found != cache_.end()) {
      tokens.insert(tokens.end(), found->second.begin(), found->second.end());
      return;
    }
  }
  std::vector<Token> result;
  std::optional<std::uint32_t> whole;
  if (ignore_merges_) whole = token_to_id(to_byte_level(word));
  if (whole) {
    result.push_back({*whole, static_cast<std::uint32_t>(word.size())});
  } else {
    result = split_into_known_bytes(word);
    merge(result);
  }
  tokens.insert(tokens.end(), result.begin(), result.end());
  if (cacheable) {
    const std::unique_lock lock(cache_mutex_);
    if (cache_.size() < kCachedWords) cache_.emplace(key, std::move(result));
  }
}

}  // namespace candor::data
