#include "data_pipeline/tokenizer/byte_level.h"

#include <array>

namespace candor::data {
namespace {

struct Alphabet {
  std::array<std::string, 256> characters;
  std::array<std::int16_t, 0x144>
      byte_of;  // by code point; -1 where the code point is none of the 256

  Alphabet() {
    byte_of.fill(-1);
    std::uint32_t next = 0x100;
    for (std::uint32_t byte = 0; byte < 256; ++byte) {
      const bool printable =
          (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
      const std::uint32_t code = printable ? byte : next++;
      std::string& text = characters[byte];
      if (code < 0x80) {
        text = {static_cast<char>(code)};
      } else {
        text = {static_cast<char>(0xC0 | (code >> 6)), static_cast<char>(0x80 | (code & 0x3F))};
      }
      byte_of[code] = static_cast<std::int16_t>(byte);
    }
  }
};

const Alphabet& alphabet() {
  static const Alphabet instance;
  return instance;
}

struct Scan {
  std::size_t length_bytes;
  bool valid;
};

// The character at `at`, or the longest part of one that is there. Table 3-7 of the Unicode
// standard.
Scan scan_utf8(std::string_view bytes, std::size_t at) {
  const auto first = static_cast<std::uint8_t>(bytes[at]);
  if (first < 0x80) return {1, true};
  if (first < 0xC2 || first > 0xF4) return {1, false};
  const std::size_t wanted = utf8_character_bytes(bytes[at]);
  for (std::size_t i = 1; i < wanted; ++i) {
    if (at + i >= bytes.size()) return {i, false};
    const auto byte = static_cast<std::uint8_t>(bytes[at + i]);
    std::uint8_t low = 0x80, high = 0xBF;
    if (i == 1) {
      if (first == 0xE0) low = 0xA0;
      if (first == 0xED) high = 0x9F;
      if (first == 0xF0) low = 0x90;
      if (first == 0xF4) high = 0x8F;
    }
    if (byte < low || byte > high) return {i, false};
  }
  return {wanted, true};
}

}  // namespace

std::string_view byte_level_character(std::uint8_t byte) { return alphabet().characters[byte]; }

std::string to_byte_level(std::string_view bytes) {
  std::string token;
  token.reserve(bytes.size() * 2);
  for (const char byte : bytes) token += alphabet().characters[static_cast<std::uint8_t>(byte)];
  return token;
}

std::string from_byte_level(std::string_view token) {
  std::string bytes;
  bytes.reserve(token.size());
  for (std::size_t i = 0; i < token.size();) {
    auto code = static_cast<std::uint32_t>(static_cast<std::uint8_t>(token[i]));
    std::size_t length = 1;
    if (code >= 0x80) {
      if (code >= 0xE0 || i + 1 >= token.size()) return std::string(token);
      code = ((code & 0x1F) << 6) | (static_cast<std::uint8_t>(token[i + 1]) & 0x3F);
      length = 2;
    }
    if (code >= alphabet().byte_of.size() || alphabet().byte_of[code] < 0)
      return std::string(token);
    bytes += static_cast<char>(alphabet().byte_of[code]);
    i += length;
  }
  return bytes;
}

std::size_t find_invalid_utf8(std::string_view bytes) {
  for (std::size_t i = 0; i < bytes.size();) {
    const Scan scan = scan_utf8(bytes, i);
    if (!scan.valid) return i;
    i += scan.length_bytes;
  }
  return std::string_view::npos;
}

std::string replace_invalid_utf8(std::string_view bytes) {
  std::string text;
  text.reserve(bytes.size());
  for (std::size_t i = 0; i < bytes.size();) {
    const Scan scan = scan_utf8(bytes, i);
    text += scan.valid ? bytes.substr(i, scan.length_bytes) : std::string_view("\xEF\xBF\xBD");
    i += scan.length_bytes;
  }
  return text;
}

}  // namespace candor::data
