#include "data_pipeline/files/gguf_tokenizer.h"

#include <fmt/format.h>

#include <stdexcept>
#include <unordered_map>
#include <vector>

namespace candor::data {
namespace {

using nlohmann::json;

constexpr std::int64_t kSpecialToken = 3, kUserDefinedToken = 4;

// The token of an id that the metadata names, or nullptr where it names none.
const std::string* token_of(const GgufFile& file, const std::string& key) {
  const auto* id = file.find<std::int64_t>(key);
  if (id == nullptr) return nullptr;
  const auto& tokens = file.get<std::vector<std::string>>("tokenizer.ggml.tokens");
  if (*id < 0 || static_cast<std::size_t>(*id) >= tokens.size())
    file.refuse(
        fmt::format("metadata {}: {} is no token id (there are {})", key, *id, tokens.size()));
  return &tokens[static_cast<std::size_t>(*id)];
}

json byte_level(bool use_regex) {
  return {{"type", "ByteLevel"},
          {"add_prefix_space", false},
          {"trim_offsets", true},
          {"use_regex", use_regex}};
}

json pre_tokenizer(const GgufFile& file) {
  const auto& kind = file.get<std::string>("tokenizer.ggml.pre");
  if (kind == "gpt-2") return byte_level(true);
  if (kind == "smollm") {
    return {{"type", "Sequence"},
            {"pretokenizers",
             json::array({{{"type", "Digits"}, {"individual_digits", true}}, byte_level(true)})}};
  }
  file.refuse(
      fmt::format("metadata tokenizer.ggml.pre: the pre-tokenizer \"{}\" isn't known, only "
                  "smollm and gpt-2; use the model's own tokenizer.json",
                  kind));
}

json merges_json(const GgufFile& file, const std::unordered_map<std::string, std::size_t>& ids) {
  const auto& merges = file.get<std::vector<std::string>>("tokenizer.ggml.merges");
  json list = json::array();
  for (std::size_t i = 0; i < merges.size(); ++i) {
    const std::size_t space = merges[i].find(' ');
    const bool is_pair =
        space != std::string::npos && merges[i].find(' ', space + 1) == std::string::npos;
    if (!is_pair || ids.count(merges[i].substr(0, space)) == 0 ||
        ids.count(merges[i].substr(space + 1)) == 0 ||
        ids.count(merges[i].substr(0, space) + merges[i].substr(space + 1)) == 0) {
      file.refuse(
          fmt::format("metadata tokenizer.ggml.merges: number {} (\"{}\") isn't two tokens "
                      "of the vocabulary that join to a third",
                      i, merges[i]));
    }
    list.push_back(merges[i]);
  }
  return list;
}

}  // namespace

json gguf_tokenizer_json(const GgufFile& file) {
  const auto& model = file.get<std::string>("tokenizer.ggml.model");
  if (model != "gpt2")
    file.refuse(fmt::format(
        "metadata tokenizer.ggml.model: \"{}\" isn't read, only gpt2 (byte-level BPE)", model));
  if (const bool* add_bos = file.find<bool>("tokenizer.ggml.add_bos_token");
      add_bos != nullptr && *add_bos) {
    file.refuse(
        "metadata tokenizer.ggml.add_bos_token: a tokenizer that adds a first token by itself "
        "isn't read");
  }
  const auto& tokens = file.get<std::vector<std::string>>("tokenizer.ggml.tokens");
  const auto& types = file.get<std::vector<std::int64_t>>("tokenizer.ggml.token_type");
  if (types.size() != tokens.size())
    file.refuse(fmt::format("tokenizer.ggml.token_type has {} entries for {} tokens", types.size(),
                            tokens.size()));

  std::unordered_map<std::string, std::size_t> ids;
  json vocabulary = json::object(), added = json::array();
  for (std::size_t id = 0; id < tokens.size(); ++id) {
    if (!ids.emplace(tokens[id], id).second)
      file.refuse(fmt::format("tokenizer.ggml.tokens: \"{}\" is token {} and token {}", tokens[id],
                              ids[tokens[id]], id));
    vocabulary[tokens[id]] = id;
    if (types[id] != kSpecialToken && types[id] != kUserDefinedToken) continue;
    added.push_back({{"id", id},
                     {"content", tokens[id]},
                     {"single_word", false},
                     {"lstrip", false},
                     {"rstrip", false},
                     {"normalized", false},
                     {"special", types[id] == kSpecialToken}});
  }
  const json bpe{{"type", "BPE"},
                 {"dropout", nullptr},
                 {"unk_token", nullptr},
                 {"continuing_subword_prefix", nullptr},
                 {"end_of_word_suffix", nullptr},
                 {"fuse_unk", false},
                 {"byte_fallback", false},
                 {"ignore_merges", false},
                 {"vocab", std::move(vocabulary)},
                 {"merges", merges_json(file, ids)}};
  return {{"version", "1.0"},
          {"truncation", nullptr},
          {"padding", nullptr},
          {"added_tokens", std::move(added)},
          {"normalizer", nullptr},
          {"pre_tokenizer", pre_tokenizer(file)},
          {"post_processor", nullptr},
          {"decoder", byte_level(true)},
          {"model", bpe}};
}

json gguf_tokenizer_config_json(const GgufFile& file) {
  json config{{"tokenizer_class", "PreTrainedTokenizerFast"},
              {"add_prefix_space", false},
              {"clean_up_tokenization_spaces", false},
              {"model_max_length", file.get<std::int64_t>("llama.context_length")}};
  const std::vector<std::pair<const char*, const char*>> special{{"bos_token", "bos"},
                                                                 {"eos_token", "eos"},
                                                                 {"unk_token", "unknown"},
                                                                 {"pad_token", "padding"}};
  for (const auto& [name, key] : special) {
    if (const std::string* token = token_of(file, fmt::format("tokenizer.ggml.{}_token_id", key)))
      config[name] = *token;
  }
  if (const auto* chat_template = file.find<std::string>("tokenizer.chat_template"))
    config["chat_template"] = *chat_template;
  return config;
}

}  // namespace candor::data
