// Added tokens of a tokenizer.json ("<|im_end|>"): cut out of a text before anything else is done
// with it.
//
// Surprising: the longest token at the leftmost place wins, and one that single_word then rejects
// still hides others inside it, as in `tokenizers`. Thread-safe.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "data_pipeline/tokenizer/pattern.h"

namespace candor::data {

struct AddedToken {
  std::uint32_t id = 0;
  std::string content;
  bool special = false;
  bool single_word = false;             // only where no word character is next to it
  bool lstrip = false, rstrip = false;  // takes the white space on that side with it
  bool normalized = false;              // looked for after normalisation, else before
};

class AddedTokens {
 public:
  struct Fragment {
    ByteRange range;
    std::optional<std::uint32_t> id;  // of an added token; without one it is plain text
  };

  AddedTokens() = default;
  explicit AddedTokens(const std::vector<AddedToken>& tokens);

  // The text in order, valid UTF-8; no empty plain fragments.
  std::vector<Fragment> cut(std::string_view text) const;

 private:
  const AddedToken* longest_at(std::string_view text, std::size_t at) const;

  std::array<std::vector<AddedToken>, 256> by_first_byte_;  // longest first
  bool empty_ = true;
};

}  // namespace candor::data
