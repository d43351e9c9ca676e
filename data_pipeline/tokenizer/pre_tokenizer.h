// Cuts text into the words that BPE works on, as the "pre_tokenizer" of a tokenizer.json says:
// Sequence, Split, Digits, and ByteLevel as the last step. Each step sees every piece of the step
// before as a text of its own, so a look-ahead doesn't see past a piece.
//
// It is thread-safe. Anything else in the JSON is std::invalid_argument naming it.
#pragma once

#include <cstddef>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>
#include <vector>

#include "data_pipeline/tokenizer/pattern.h"

namespace candor::data {

// Byte i of `bytes` stands for byte begin + i of the text, but never for one before
// `lowest`: a space put before the text (add_prefix_space) has no byte of its own there. `bytes`
// lives only during the call that hands it out.
struct Word {
  std::string_view bytes;
  std::ptrdiff_t begin;
  std::size_t lowest;
};

class PreTokenizer {
 public:
  explicit PreTokenizer(const nlohmann::json& description);

  // `text` is valid UTF-8. Words come in order and are never empty.
  void for_each_word(std::string_view text, const std::function<void(const Word&)>& take) const;

 private:
  enum class Behaviour { kRemoved, kIsolated, kMergedWithPrevious, kMergedWithNext, kContiguous };
  struct SplitStep {
    Pattern pattern;
    Behaviour behaviour;
    bool invert;
  };

  void add(const nlohmann::json& description);
  void add_split(const nlohmann::json& description);
  void add_byte_level(const nlohmann::json& description);
  static void split(const SplitStep& step, std::string_view text, ByteRange piece,
                    std::vector<ByteRange>& pieces);

  std::vector<SplitStep> steps_;
  bool has_byte_level_ = false;
  bool add_prefix_space_ = false;
  std::optional<Pattern> byte_level_pattern_;
};

}  // namespace candor::data
