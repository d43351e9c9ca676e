#include "data_pipeline/files/gguf_import.h"

#include <gmock/gmock.h>

#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>
#include <numeric>
#include <system_error>

#include "data_pipeline/files/safetensors.h"
#include "tests/files/gguf_fixture.h"
#include "tests/files/temporary_folder.h"

namespace candor {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr std::uint64_t kWidth = 8, kMlp = 6, kVocabulary = 5;

std::vector<float> counting(std::uint64_t count, float first = 0.0F) {
  std::vector<float> values(count);
  std::iota(values.begin(), values.end(), first);
  return values;
}

// One layer, two heads of 4, one K/V head. Row r of q and k is filled with numbers from 8 r on.
GgufBuilder tiny_model() {
  GgufBuilder b;
  b.text("general.architecture", "llama").u32("llama.block_count", 1).u32("llama.context_length", 64).u32("llama.embedding_length", kWidth);
  b.u32("llama.feed_forward_length", kMlp).u32("llama.attention.head_count", 2).u32("llama.attention.head_count_kv", 1);
  b.f32("llama.rope.freq_base", 100000.0F).f32("llama.attention.layer_norm_rms_epsilon", 1e-5F).u32("llama.rope.dimension_count", 4);
  b.text("tokenizer.ggml.model", "gpt2").text("tokenizer.ggml.pre", "smollm").texts("tokenizer.ggml.tokens", {"<end>", "a", "b", "ab", "<tool>"});
  b.i32s("tokenizer.ggml.token_type", {3, 1, 1, 1, 4}).texts("tokenizer.ggml.merges", {"a b"}).u32("tokenizer.ggml.eos_token_id", 0);
  b.text("tokenizer.chat_template", "{{ messages }}").boolean("tokenizer.ggml.add_bos_token", false);
  b.floats("token_embd.weight", {kWidth, kVocabulary}, counting(kWidth * kVocabulary)).floats("output_norm.weight", {kWidth}, counting(kWidth));
  b.floats("blk.0.attn_norm.weight", {kWidth}, counting(kWidth)).floats("blk.0.ffn_norm.weight", {kWidth}, counting(kWidth));
  b.floats("blk.0.attn_q.weight", {kWidth, 8}, counting(64)).floats("blk.0.attn_k.weight", {kWidth, 4}, counting(32));
  b.floats("blk.0.attn_v.weight", {kWidth, 4}, counting(32)).floats("blk.0.attn_output.weight", {8, kWidth}, counting(64));
  b.floats("blk.0.ffn_gate.weight", {kWidth, kMlp}, counting(48)).floats("blk.0.ffn_up.weight", {kWidth, kMlp}, counting(48));
  b.floats("blk.0.ffn_down.weight", {kMlp, kWidth}, counting(48));
  return b;
}

std::string error_of(const GgufBuilder& builder) {
  const TemporaryFolder folder;
  write_plain(folder / "a.gguf", builder.bytes());
  const std::string message = message_of<std::invalid_argument>([&] { import_gguf(folder / "a.gguf", folder / "out"); });
  EXPECT_THAT(message, HasSubstr(folder / "a.gguf"));
  EXPECT_FALSE(std::filesystem::exists(folder / "out/config.json"));
  EXPECT_FALSE(std::filesystem::exists(folder / "out/model.safetensors"));
  return message;
}

std::vector<float> column_zero(const TensorView& tensor) {
  std::vector<float> column;
  for (std::int64_t row = 0; row < tensor.shape[0]; ++row) {
    float value = 0;
    std::memcpy(&value, tensor.bytes.data() + row * tensor.shape[1] * 4, 4);
    column.push_back(value);
  }
  return column;
}

TEST(GgufImport, WritesAHuggingFaceFolder) {
  const TemporaryFolder folder;
  write_plain(folder / "a.gguf", tiny_model().bytes());
  import_gguf(folder / "a.gguf", folder / "deep/out");
  const SafetensorsModel model(folder / "deep/out");
  EXPECT_EQ(model.names().size(), 11U);
  EXPECT_FALSE(model.contains("lm_head.weight"));
  // llama.cpp's rows 2 i and 2 i + 1 of a head are Hugging Face's i and 2 + i.
  EXPECT_THAT(column_zero(model.at("model.layers.0.self_attn.q_proj.weight")), ElementsAre(0, 16, 8, 24, 32, 48, 40, 56));
  EXPECT_THAT(column_zero(model.at("model.layers.0.self_attn.k_proj.weight")), ElementsAre(0, 16, 8, 24));
  EXPECT_THAT(column_zero(model.at("model.layers.0.self_attn.v_proj.weight")), ElementsAre(0, 8, 16, 24));
  EXPECT_THAT(model.at("model.layers.0.mlp.down_proj.weight").shape, ElementsAre(8, 6));

  const auto config = nlohmann::json::parse(read_file(folder / "deep/out/config.json"));
  EXPECT_EQ(config["rms_norm_eps"].dump(), "1e-05");
  EXPECT_EQ(config["rope_theta"], 100000.0);
  EXPECT_EQ(config["tie_word_embeddings"], true);
  EXPECT_EQ(config["head_dim"], 4);
  EXPECT_EQ(config["vocab_size"], 5);
  EXPECT_EQ(config["eos_token_id"], 0);
  EXPECT_FALSE(config.contains("bos_token_id"));
  EXPECT_EQ(nlohmann::json::parse(read_file(folder / "deep/out/generation_config.json"))["eos_token_id"], 0);

  const auto tokenizer = nlohmann::json::parse(read_file(folder / "deep/out/tokenizer.json"));
  EXPECT_EQ(tokenizer["model"]["vocab"]["ab"], 3);
  EXPECT_EQ(tokenizer["model"]["merges"], nlohmann::json::parse(R"(["a b"])"));
  ASSERT_EQ(tokenizer["added_tokens"].size(), 2U);
  EXPECT_EQ(tokenizer["added_tokens"][0]["special"], true);
  EXPECT_EQ(tokenizer["added_tokens"][1]["special"], false);
  EXPECT_EQ(tokenizer["pre_tokenizer"]["pretokenizers"][0], nlohmann::json::parse(R"({"type":"Digits","individual_digits":true})"));
  EXPECT_EQ(tokenizer["pre_tokenizer"]["pretokenizers"][1]["use_regex"], true);
  const auto tokenizer_config = nlohmann::json::parse(read_file(folder / "deep/out/tokenizer_config.json"));
  EXPECT_EQ(tokenizer_config["tokenizer_class"], "PreTrainedTokenizerFast");
  EXPECT_EQ(tokenizer_config["eos_token"], "<end>");
  EXPECT_EQ(tokenizer_config["chat_template"], "{{ messages }}");
}

TEST(GgufImport, SameBytesAgainAndUntiedEmbeddings) {
  const TemporaryFolder folder;
  write_plain(folder / "a.gguf", tiny_model().floats("output.weight", {kWidth, kVocabulary}, counting(40, 7.0F)).bytes());
  import_gguf(folder / "a.gguf", folder / "one");
  import_gguf(folder / "a.gguf", folder / "two");
  import_gguf(folder / "a.gguf", folder / "two");
  for (const char* name : {"config.json", "generation_config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"}) {
    EXPECT_EQ(read_file((folder / "one/") + name), read_file((folder / "two/") + name)) << name;
  }
  EXPECT_EQ(nlohmann::json::parse(read_file(folder / "one/config.json"))["tie_word_embeddings"], false);
  EXPECT_TRUE(SafetensorsModel(folder / "one").contains("lm_head.weight"));
}

TEST(GgufImport, MismatchedModelsAreDistinctErrors) {
  EXPECT_THAT(error_of(tiny_model().erase("general.architecture").text("general.architecture", "gemma")), HasSubstr("\"gemma\" isn't read"));
  EXPECT_THAT(error_of(tiny_model().erase("llama.block_count")), HasSubstr("metadata llama.block_count is missing"));
  EXPECT_THAT(error_of(tiny_model().erase("llama.block_count").u32("llama.block_count", 0)), HasSubstr("llama.block_count: 0 is out of range"));
  EXPECT_THAT(error_of(tiny_model().erase("llama.block_count").u32("llama.block_count", 2)), HasSubstr("tensor blk.1.attn_norm.weight is missing"));
  EXPECT_THAT(error_of(tiny_model().erase("llama.feed_forward_length").u32("llama.feed_forward_length", 16)),
              AllOf(HasSubstr("has the shape"), HasSubstr("expected")));
  EXPECT_THAT(error_of(tiny_model().erase("llama.attention.head_count").u32("llama.attention.head_count", 3)), HasSubstr("don't fit together"));
  EXPECT_THAT(error_of(tiny_model().erase("llama.rope.dimension_count").u32("llama.rope.dimension_count", 2)), HasSubstr("only whole heads"));
  EXPECT_THAT(error_of(tiny_model().text("llama.rope.scaling.type", "yarn")), HasSubstr("\"yarn\" isn't converted"));
  EXPECT_THAT(error_of(tiny_model().floats("rope_freqs.weight", {2}, {1, 1})), HasSubstr("tensor rope_freqs.weight has no place"));
  EXPECT_THAT(error_of(tiny_model().erase_tensor("blk.0.ffn_up.weight")), HasSubstr("tensor blk.0.ffn_up.weight is missing"));
  EXPECT_THAT(error_of(tiny_model().erase_tensor("output_norm.weight").floats("output_norm.weight", {kWidth}, std::vector<float>(kWidth, NAN))),
              HasSubstr("tensor output_norm.weight holds a NaN"));
}

TEST(GgufImport, MismatchedTokenizersAreDistinctErrors) {
  EXPECT_THAT(error_of(tiny_model().erase("tokenizer.ggml.model").text("tokenizer.ggml.model", "llama")), HasSubstr("only gpt2"));
  EXPECT_THAT(error_of(tiny_model().erase("tokenizer.ggml.pre").text("tokenizer.ggml.pre", "qwen2")), HasSubstr("\"qwen2\" isn't known"));
  EXPECT_THAT(error_of(tiny_model().erase("tokenizer.ggml.token_type").i32s("tokenizer.ggml.token_type", {3})), HasSubstr("1 entries for 5 tokens"));
  EXPECT_THAT(error_of(tiny_model().erase("tokenizer.ggml.tokens").texts("tokenizer.ggml.tokens", {"<end>", "a", "b", "ab", "a"})),
              HasSubstr("token 1 and token 4"));
  EXPECT_THAT(error_of(tiny_model().erase("tokenizer.ggml.tokens").texts("tokenizer.ggml.tokens", {"<end>", "a", "b", "ab", "\xff"})),
              HasSubstr("isn't UTF-8"));
  EXPECT_THAT(error_of(tiny_model().erase("tokenizer.ggml.merges").texts("tokenizer.ggml.merges", {"b a"})), HasSubstr("number 0 (\"b a\")"));
  EXPECT_THAT(error_of(tiny_model().erase("tokenizer.ggml.merges").texts("tokenizer.ggml.merges", {"ab"})), HasSubstr("number 0 (\"ab\")"));
  EXPECT_THAT(error_of(tiny_model().erase("tokenizer.ggml.eos_token_id").u32("tokenizer.ggml.eos_token_id", 5)), HasSubstr("5 is no token id"));
  EXPECT_THAT(error_of(tiny_model().erase("tokenizer.ggml.add_bos_token").boolean("tokenizer.ggml.add_bos_token", true)),
              HasSubstr("adds a first token"));
}

TEST(GgufImport, DiskErrorsNameThePath) {
  const TemporaryFolder folder;
  write_plain(folder / "a.gguf", tiny_model().bytes());
  write_plain(folder / "file", "");
  EXPECT_THAT(message_of<std::system_error>([&] { import_gguf(folder / "a.gguf", folder / "file"); }), HasSubstr(folder / "file"));
  EXPECT_THAT(message_of<std::system_error>([&] { import_gguf(folder / "none.gguf", folder / "out"); }), HasSubstr("none.gguf"));
}

}  // namespace
}  // namespace candor
