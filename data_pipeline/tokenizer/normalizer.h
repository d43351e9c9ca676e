// The "normalizer" of a tokenizer.json: none, NFC, or a Sequence of these; anything else is
// std::invalid_argument naming it.
//
// Known difference: utf8proc has the combining marks of a younger Unicode (15 in 2.8) than Hugging
// Face's `tokenizers` (9), which leaves runs of younger marks (Unicode 10 and later) in the order
// they come in.
#pragma once

#include <cstddef>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace candor::data {

// Text after normalisation, with the place in the original that each of its bytes comes from.
class NormalizedText {
 public:
  // `origin`: where the text lies in a larger one; all places are counted there.
  NormalizedText(std::string_view text, std::size_t origin, bool compose);
  NormalizedText(const NormalizedText&) = delete;
  NormalizedText& operator=(const NormalizedText&) = delete;

  std::string_view text() const { return text_; }
  // First and past-the-end original byte of bytes [begin, end) of text(). A character that was
  // composed from several is one place.
  std::pair<std::size_t, std::size_t> original_range(std::size_t begin, std::size_t end) const;

 private:
  void compose(std::string_view text);

  std::string_view text_;
  std::size_t origin_;
  std::string composed_;
  std::vector<std::pair<std::size_t, std::size_t>>
      places_;  // of each byte; empty where nothing changed
};

// Whether the described normaliser composes to NFC.
bool read_normalizer(const nlohmann::json& description);

}  // namespace candor::data
