#include "data_pipeline/tokenizer/normalizer.h"

#include <fmt/format.h>
#include <utf8proc.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <stdexcept>

#include "data_pipeline/tokenizer/byte_level.h"

namespace candor::data {
namespace {

struct FreeText {
  void operator()(utf8proc_uint8_t* text) const { std::free(text); }
};

// Characters that may join to, or change places with, what is before them: marks, and the Hangul
// vowels and finals. Not U+11A7, which stands just before the finals: utf8proc takes it for one and
// drops it.
bool continues_a_character(std::string_view text, std::size_t at) {
  utf8proc_int32_t code = 0;
  utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(text.data()) + at,
                   static_cast<utf8proc_ssize_t>(text.size() - at), &code);
  if (code >= 0x1160 && code <= 0x11FF) return code != 0x11A7;
  const utf8proc_category_t category = utf8proc_category(code);
  return category == UTF8PROC_CATEGORY_MN || category == UTF8PROC_CATEGORY_MC ||
         category == UTF8PROC_CATEGORY_ME;
}

std::string composed(std::string_view text) {
  utf8proc_uint8_t* raw = nullptr;
  const utf8proc_ssize_t length =
      utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
                   static_cast<utf8proc_ssize_t>(text.size()), &raw,
                   static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE));
  const std::unique_ptr<utf8proc_uint8_t, FreeText> owner(raw);
  if (length < 0)
    throw std::invalid_argument(fmt::format("text of {} bytes can't be normalised to NFC: {}",
                                            text.size(), utf8proc_errmsg(length)));
  return std::string(reinterpret_cast<const char*>(raw), static_cast<std::size_t>(length));
}

bool is_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

}  // namespace

NormalizedText::NormalizedText(std::string_view text, std::size_t origin, bool compose)
    : text_(text), origin_(origin) {
  if (compose && !is_ascii(text)) this->compose(text);
}

void NormalizedText::compose(std::string_view text) {
  std::size_t begin = 0;
  while (begin < text.size()) {
    std::size_t end = begin + utf8_character_bytes(text[begin]);
    while (end < text.size() && static_cast<unsigned char>(text[end]) >= 0x80 &&
           continues_a_character(text, end)) {
      end += utf8_character_bytes(text[end]);
    }
    const std::string_view piece = text.substr(begin, end - begin);
    const std::string result = is_ascii(piece) ? std::string(piece) : composed(piece);
    const bool changed = result != piece;
    for (std::size_t i = 0; i < result.size(); ++i)
      places_.push_back(changed ? std::pair(begin, end) : std::pair(begin + i, begin + i + 1));
    composed_ += result;
    begin = end;
  }
  if (composed_ == text)
    places_.clear();
  else
    text_ = composed_;
}

std::pair<std::size_t, std::size_t> NormalizedText::original_range(std::size_t begin,
                                                                   std::size_t end) const {
  if (places_.empty()) return {origin_ + begin, origin_ + end};
  const std::size_t first = begin < places_.size() ? places_[begin].first : places_.back().second;
  return {origin_ + first, origin_ + (end > begin ? places_[end - 1].second : first)};
}

bool read_normalizer(const nlohmann::json& description) {
  if (description.is_null()) return false;
  const auto type = description.at("type").get<std::string>();
  if (type == "NFC") return true;
  if (type != "Sequence")
    throw std::invalid_argument(fmt::format(
        "normalizer: \"{}\" isn't supported, only null, NFC and a Sequence of them", type));
  bool composes = false;
  for (const auto& step : description.at("normalizers"))
    composes = read_normalizer(step) || composes;
  return composes;
}

}  // namespace candor::data
