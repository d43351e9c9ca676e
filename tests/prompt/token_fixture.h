// What the token tests share: a folder of their own, a byte-level tokenizer written on the spot, a
// ChatML template, and small TokenData.
#pragma once

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "data_pipeline/chat/chat_template.h"
#include "data_pipeline/tokenizer/tokenizer.h"
#include "data_pipeline/tokens/token_data.h"

namespace candor::testing_support {

class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string pattern =
        (std::filesystem::temp_directory_path() / "candor_tokens_XXXXXX").string();
    path_ = ::mkdtemp(pattern.data());
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  std::string file(const std::string& name) const { return (path_ / name).string(); }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

inline std::string utf8(uint32_t code) {
  if (code < 0x80) return std::string(1, static_cast<char>(code));
  return {static_cast<char>(0xC0 | (code >> 6)), static_cast<char>(0x80 | (code & 0x3F))};
}

// GPT-2's printable stand-in for a byte.
inline std::string byte_character(int byte) {
  const auto printable = [](int b) {
    return (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || (b >= 174 && b <= 255);
  };
  if (printable(byte)) return utf8(static_cast<uint32_t>(byte));
  uint32_t code = 256;
  for (int b = 0; b < byte; ++b) code += printable(b) ? 0U : 1U;
  return utf8(code);
}

// Ids: byte b is b; <|im_start|> 256, <|im_end|> 257; with whole_numbers "10".."100" from 300 on,
// otherwise digits are split.
inline void write_tokenizer(const std::string& path, bool whole_numbers) {
  using nlohmann::json;
  json vocabulary = json::object();
  for (int byte = 0; byte < 256; ++byte) vocabulary[byte_character(byte)] = byte;
  json added = json::array();
  int id = 256;
  for (const char* token : {"<|im_start|>", "<|im_end|>"}) {
    vocabulary[token] = id;
    added.push_back({{"id", id++},
                     {"content", token},
                     {"single_word", false},
                     {"lstrip", false},
                     {"rstrip", false},
                     {"normalized", false},
                     {"special", true}});
  }
  json split;
  if (whole_numbers) {
    for (int number = 10; number <= 100; ++number)
      vocabulary[std::to_string(number)] = 290 + number;
    split = {{"type", "Split"},
             {"pattern", {{"Regex", "\\p{N}{1,3}|[^\\p{N}]"}}},
             {"behavior", "Isolated"},
             {"invert", false}};
  } else {
    split = {{"type", "Digits"}, {"individual_digits", true}};
  }
  const json level = {{"type", "ByteLevel"},
                      {"add_prefix_space", false},
                      {"trim_offsets", true},
                      {"use_regex", !whole_numbers}};
  const json root = {
      {"version", "1.0"},
      {"truncation", nullptr},
      {"padding", nullptr},
      {"added_tokens", added},
      {"normalizer", nullptr},
      {"pre_tokenizer", {{"type", "Sequence"}, {"pretokenizers", json::array({split, level})}}},
      {"post_processor", nullptr},
      {"decoder", level},
      {"model",
       {{"type", "BPE"},
        {"dropout", nullptr},
        {"unk_token", nullptr},
        {"continuing_subword_prefix", nullptr},
        {"end_of_word_suffix", nullptr},
        {"fuse_unk", false},
        {"byte_fallback", false},
        {"ignore_merges", whole_numbers},
        {"vocab", vocabulary},
        {"merges", json::array()}}}};
  std::ofstream(path) << root.dump();
}

inline data::Tokenizer tiny_tokenizer(const TemporaryFolder& folder, bool whole_numbers = false) {
  write_tokenizer(folder.file("tokenizer.json"), whole_numbers);
  return data::Tokenizer::from_file(folder.file("tokenizer.json"));
}

inline data::ChatTemplate chat_ml() {
  return data::ChatTemplate(
      "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + "
      "message['content'] + '<|im_end|>' + '\n' }}{% endfor %}"
      "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}",
      {});
}

// Two prefixes of 3 and 2 tokens and five examples with suffixes of 4, 6, 5, 4 and 7 tokens; the
// last has no prefix, the third no grade.
inline data::TokenData small_data() {
  data::TokenData data;
  data.add_prefix(std::vector<uint32_t>{1, 2, 3});
  data.add_prefix(std::vector<uint32_t>{7, 8});
  const std::vector<uint32_t> lengths{4, 6, 5, 4, 7};
  const std::vector<int32_t> prefixes{0, 0, 1, 0, -1};
  for (uint32_t i = 0; i < 5; ++i) {
    std::vector<uint32_t> suffix;
    for (uint32_t k = 0; k < lengths[i]; ++k) suffix.push_back(100 * (i + 1) + k);
    data.add_example({.id = fmt::format("q{}", i),
                      .dataset = i % 2 == 0 ? "capitals" : "éléments",
                      .entity = i == 3 ? "" : fmt::format("entity-{}", i),
                      .split = i < 4 ? "train" : "test",
                      .prefix = prefixes[i],
                      .confidence_position = lengths[i] - 1,
                      .marker_position = lengths[i] - 2,
                      .response_begin = 1,
                      .response_end = lengths[i] - 2,
                      .target = i == 2 ? 0.0F : 0.25F * static_cast<float>(i),
                      .graded = i != 2},
                     suffix);
  }
  data.levels = {.ids = {32, 33, 34}, .values = {0.0, 0.5, 1.0}};
  data.origin = {.tokenizer_sha256 = std::string(64, 'a'),
                 .template_sha256 = std::string(64, 'b'),
                 .prompt_sha256 = std::string(64, 'c'),
                 .model_identity = "tiny"};
  return data;
}

}  // namespace candor::testing_support
