#include "data_pipeline/files/gguf_import.h"

#include <gmock/gmock.h>

#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>
#include <system_error>

#include "data_pipeline/files/safetensors.h"
#include "tests/files/gguf_fixture.h"
#include "tests/files/temporary_folder.h"

namespace candor::data {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

std::string error_of(const GgufBuilder& builder) {
  const TemporaryFolder folder;
  write_plain(folder / "a.gguf", builder.bytes());
  const std::string message =
      message_of<std::invalid_argument>([&] { import_gguf(folder / "a.gguf", folder / "out"); });
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
  write_plain(folder / "a.gguf", tiny_gguf().bytes());
  import_gguf(folder / "a.gguf", folder / "deep/out");
  const SafetensorsModel model(folder / "deep/out");
  EXPECT_EQ(model.names().size(), 11U);
  EXPECT_FALSE(model.contains("lm_head.weight"));
  // llama.cpp's rows 2 i and 2 i + 1 of a head are Hugging Face's i and 2 + i.
  EXPECT_THAT(column_zero(model.at("model.layers.0.self_attn.q_proj.weight")),
              ElementsAre(0, 16, 8, 24, 32, 48, 40, 56));
  EXPECT_THAT(column_zero(model.at("model.layers.0.self_attn.k_proj.weight")),
              ElementsAre(0, 16, 8, 24));
  EXPECT_THAT(column_zero(model.at("model.layers.0.self_attn.v_proj.weight")),
              ElementsAre(0, 8, 16, 24));
  EXPECT_THAT(model.at("model.layers.0.mlp.down_proj.weight").shape, ElementsAre(8, 6));

  const auto config = nlohmann::json::parse(read_file(folder / "deep/out/config.json"));
  EXPECT_EQ(config["rms_norm_eps"].dump(), "1e-05");
  EXPECT_EQ(config["rope_theta"], 100000.0);
  EXPECT_EQ(config["tie_word_embeddings"], true);
  EXPECT_EQ(config["head_dim"], 4);
  EXPECT_EQ(config["vocab_size"], 5);
  EXPECT_EQ(config["eos_token_id"], 0);
  EXPECT_FALSE(config.contains("bos_token_id"));
  EXPECT_EQ(
      nlohmann::json::parse(read_file(folder / "deep/out/generation_config.json"))["eos_token_id"],
      0);

  const auto tokenizer = nlohmann::json::parse(read_file(folder / "deep/out/tokenizer.json"));
  EXPECT_EQ(tokenizer["model"]["vocab"]["ab"], 3);
  EXPECT_EQ(tokenizer["model"]["merges"], nlohmann::json::parse(R"(["a b"])"));
  ASSERT_EQ(tokenizer["added_tokens"].size(), 2U);
  EXPECT_EQ(tokenizer["added_tokens"][0]["special"], true);
  EXPECT_EQ(tokenizer["added_tokens"][1]["special"], false);
  EXPECT_EQ(tokenizer["pre_tokenizer"]["pretokenizers"][0],
            nlohmann::json::parse(R"({"type":"Digits","individual_digits":true})"));
  EXPECT_EQ(tokenizer["pre_tokenizer"]["pretokenizers"][1]["use_regex"], true);
  const auto tokenizer_config =
      nlohmann::json::parse(read_file(folder / "deep/out/tokenizer_config.json"));
  EXPECT_EQ(tokenizer_config["tokenizer_class"], "PreTrainedTokenizerFast");
  EXPECT_EQ(tokenizer_config["eos_token"], "<end>");
  EXPECT_EQ(tokenizer_config["chat_template"], "{{ messages }}");
}

TEST(GgufImport, SameBytesAgainAndUntiedEmbeddings) {
  const TemporaryFolder folder;
  write_plain(
      folder / "a.gguf",
      tiny_gguf().floats("output.weight", {kWidth, kVocabulary}, counting(40, 7.0F)).bytes());
  import_gguf(folder / "a.gguf", folder / "one");
  import_gguf(folder / "a.gguf", folder / "two");
  import_gguf(folder / "a.gguf", folder / "two");
  for (const char* name : {"config.json", "generation_config.json", "model.safetensors",
                           "tokenizer.json", "tokenizer_config.json"}) {
    EXPECT_EQ(read_file((folder / "one/") + name), read_file((folder / "two/") + name)) << name;
  }
  EXPECT_EQ(nlohmann::json::parse(read_file(folder / "one/config.json"))["tie_word_embeddings"],
            false);
  EXPECT_TRUE(SafetensorsModel(folder / "one").contains("lm_head.weight"));
}

TEST(GgufImport, MismatchedModelsAreDistinctErrors) {
  EXPECT_THAT(
      error_of(tiny_gguf().erase("general.architecture").text("general.architecture", "gemma")),
      HasSubstr("\"gemma\" isn't read"));
  EXPECT_THAT(error_of(tiny_gguf().erase("llama.block_count")),
              HasSubstr("metadata llama.block_count is missing"));
  EXPECT_THAT(error_of(tiny_gguf().erase("llama.block_count").u32("llama.block_count", 0)),
              HasSubstr("llama.block_count: 0 is out of range"));
  EXPECT_THAT(error_of(tiny_gguf().erase("llama.block_count").u32("llama.block_count", 2)),
              HasSubstr("tensor blk.1.attn_norm.weight is missing"));
  EXPECT_THAT(
      error_of(tiny_gguf().erase("llama.feed_forward_length").u32("llama.feed_forward_length", 16)),
      AllOf(HasSubstr("has the shape"), HasSubstr("expected")));
  EXPECT_THAT(
      error_of(
          tiny_gguf().erase("llama.attention.head_count").u32("llama.attention.head_count", 3)),
      HasSubstr("don't fit together"));
  EXPECT_THAT(
      error_of(
          tiny_gguf().erase("llama.rope.dimension_count").u32("llama.rope.dimension_count", 2)),
      HasSubstr("only whole heads"));
  EXPECT_THAT(error_of(tiny_gguf().text("llama.rope.scaling.type", "yarn")),
              HasSubstr("\"yarn\" isn't converted"));
  EXPECT_THAT(error_of(tiny_gguf().floats("rope_freqs.weight", {2}, {1, 1})),
              HasSubstr("tensor rope_freqs.weight has no place"));
  EXPECT_THAT(error_of(tiny_gguf().erase_tensor("blk.0.ffn_up.weight")),
              HasSubstr("tensor blk.0.ffn_up.weight is missing"));
  EXPECT_THAT(
      error_of(tiny_gguf()
                   .erase_tensor("output_norm.weight")
                   .floats("output_norm.weight", {kWidth}, std::vector<float>(kWidth, NAN))),
      HasSubstr("tensor output_norm.weight holds a NaN"));
}

TEST(GgufImport, MismatchedTokenizersAreDistinctErrors) {
  EXPECT_THAT(
      error_of(tiny_gguf().erase("tokenizer.ggml.model").text("tokenizer.ggml.model", "llama")),
      HasSubstr("only gpt2"));
  EXPECT_THAT(error_of(tiny_gguf().erase("tokenizer.ggml.pre").text("tokenizer.ggml.pre", "qwen2")),
              HasSubstr("\"qwen2\" isn't known"));
  EXPECT_THAT(
      error_of(
          tiny_gguf().erase("tokenizer.ggml.token_type").i32s("tokenizer.ggml.token_type", {3})),
      HasSubstr("1 entries for 5 tokens"));
  EXPECT_THAT(error_of(tiny_gguf()
                           .erase("tokenizer.ggml.tokens")
                           .texts("tokenizer.ggml.tokens", {"<end>", "a", "b", "ab", "a"})),
              HasSubstr("token 1 and token 4"));
  EXPECT_THAT(error_of(tiny_gguf()
                           .erase("tokenizer.ggml.tokens")
                           .texts("tokenizer.ggml.tokens", {"<end>", "a", "b", "ab", "\xff"})),
              HasSubstr("isn't UTF-8"));
  EXPECT_THAT(
      error_of(tiny_gguf().erase("tokenizer.ggml.merges").texts("tokenizer.ggml.merges", {"b a"})),
      HasSubstr("number 0 (\"b a\")"));
  EXPECT_THAT(
      error_of(tiny_gguf().erase("tokenizer.ggml.merges").texts("tokenizer.ggml.merges", {"ab"})),
      HasSubstr("number 0 (\"ab\")"));
  EXPECT_THAT(
      error_of(
          tiny_gguf().erase("tokenizer.ggml.eos_token_id").u32("tokenizer.ggml.eos_token_id", 5)),
      HasSubstr("5 is no token id"));
  EXPECT_THAT(error_of(tiny_gguf()
                           .erase("tokenizer.ggml.add_bos_token")
                           .boolean("tokenizer.ggml.add_bos_token", true)),
              HasSubstr("adds a first token"));
}

TEST(GgufImport, DiskErrorsNameThePath) {
  const TemporaryFolder folder;
  write_plain(folder / "a.gguf", tiny_gguf().bytes());
  write_plain(folder / "file", "");
  EXPECT_THAT(
      message_of<std::system_error>([&] { import_gguf(folder / "a.gguf", folder / "file"); }),
      HasSubstr(folder / "file"));
  EXPECT_THAT(
      message_of<std::system_error>([&] { import_gguf(folder / "none.gguf", folder / "out"); }),
      HasSubstr("none.gguf"));
}

}  // namespace
}  // namespace candor::data
