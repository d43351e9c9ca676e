// Byte-level alphabet: every byte has one printable character that stands for it in a vocabulary
// ('!' for 0x21, 'Ġ' for a space), so that any text is a string over 256 characters. Also the two
// UTF-8 checks that the tokenizer needs.
// Source: Radford et al. 2019 (GPT-2), bytes_to_unicode in its encoder.py.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace candor::data {

// The character of a byte, in UTF-8.
std::string_view byte_level_character(std::uint8_t byte);

std::string to_byte_level(std::string_view bytes);

// The bytes a vocabulary entry stands for; an entry with a character outside the alphabet (an added
// token's content) stands for itself.
std::string from_byte_level(std::string_view token);

// Position of the first byte that is not part of valid UTF-8, or npos.
std::size_t find_invalid_utf8(std::string_view bytes);

// Each maximal invalid part becomes one U+FFFD, as Unicode recommends and Rust and Python do.
std::string replace_invalid_utf8(std::string_view bytes);

// Bytes of the character that starts here; the text must be valid UTF-8.
inline std::size_t utf8_character_bytes(char first) {
  const auto byte = static_cast<std::uint8_t>(first);
  return byte < 0x80 ? 1 : byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4;
}

}  // namespace candor::data
