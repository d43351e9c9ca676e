#include "data_pipeline/tokenizer/added_tokens.h"

#include <algorithm>

#include "data_pipeline/tokenizer/byte_level.h"

namespace candor::data {
namespace {

// \w of Rust's regex crate also has the two joiners.
const Pattern& word_pattern() {
  static const Pattern pattern(std::string("[") + kWordClass + R"(\x{200C}\x{200D}])");
  return pattern;
}

const Pattern& space_pattern() {
  static const Pattern pattern(std::string("[") + kSpaceClass + "]");
  return pattern;
}

std::size_t previous_character(std::string_view text, std::size_t end) {
  do {
    --end;
  } while (end > 0 && (static_cast<std::uint8_t>(text[end]) & 0xC0) == 0x80);
  return end;
}

bool is(const Pattern& pattern, std::string_view character) {
  return !pattern.find_all(character).empty();
}

bool word_before(std::string_view text, std::size_t at) {
  if (at == 0) return false;
  const std::size_t begin = previous_character(text, at);
  return is(word_pattern(), text.substr(begin, at - begin));
}

bool word_after(std::string_view text, std::size_t at) {
  return at < text.size() && is(word_pattern(), text.substr(at, utf8_character_bytes(text[at])));
}

std::size_t skip_spaces_left(std::string_view text, std::size_t at) {
  while (at > 0) {
    const std::size_t begin = previous_character(text, at);
    if (!is(space_pattern(), text.substr(begin, at - begin))) break;
    at = begin;
  }
  return at;
}

std::size_t skip_spaces_right(std::string_view text, std::size_t at) {
  while (at < text.size()) {
    const std::size_t length = utf8_character_bytes(text[at]);
    if (!is(space_pattern(), text.substr(at, length))) break;
    at += length;
  }
  return at;
}

}  // namespace

AddedTokens::AddedTokens(const std::vector<AddedToken>& tokens) {
  for (const AddedToken& token : tokens) {
    if (token.content.empty()) continue;
    by_first_byte_[static_cast<std::uint8_t>(token.content.front())].push_back(token);
    empty_ = false;
  }
  for (auto& bucket : by_first_byte_) {
    std::stable_sort(bucket.begin(), bucket.end(), [](const auto& a, const auto& b) {
      return a.content.size() > b.content.size();
    });
  }
}

const AddedToken* AddedTokens::longest_at(std::string_view text, std::size_t at) const {
  for (const AddedToken& token : by_first_byte_[static_cast<std::uint8_t>(text[at])]) {
    if (text.compare(at, token.content.size(), token.content) == 0) return &token;
  }
  return nullptr;
}

std::vector<AddedTokens::Fragment> AddedTokens::cut(std::string_view text) const {
  std::vector<Fragment> fragments;
  std::size_t done = 0;
  for (std::size_t at = 0; !empty_ && at < text.size();) {
    const AddedToken* const token = longest_at(text, at);
    if (token == nullptr) {
      ++at;
      continue;
    }
    std::size_t begin = at, end = at + token->content.size();
    at = end;
    if (token->single_word && (word_before(text, begin) || word_after(text, end))) continue;
    // Spaces that the token before took already stay with it.
    if (token->lstrip) begin = std::max(skip_spaces_left(text, begin), done);
    if (token->rstrip) end = skip_spaces_right(text, end);
    if (done < begin) fragments.push_back({{done, begin}, std::nullopt});
    fragments.push_back({{begin, end}, token->id});
    done = end;
  }
  if (done < text.size()) fragments.push_back({{done, text.size()}, std::nullopt});
  return fragments;
}

}  // namespace candor::data
