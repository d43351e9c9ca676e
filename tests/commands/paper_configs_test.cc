// The paper's recipes, configs/paper/*.yaml, run from questions to report on small random models of
// their families: Llama 3.1 (llama3 RoPE scaling, numbers up to 100 as single tokens), Qwen 2.5
// (biases, an unused sliding window) and Ministral (a sliding window), all stored in bf16.
#include <gmock/gmock.h>

#include <cstring>

#include "data_pipeline/files/safetensors.h"
#include "tests/commands/tiny_run.h"

namespace candor::testing_support {
namespace {

using nlohmann::json;

constexpr int64_t kVocabulary = 192, kWidth = 32, kMlpWidth = 48, kLayers = 2, kHeads = 4,
                  kKeyHeads = 2;

class PaperConfigs : public TinyRun {
 protected:
  // Writes the folder model/: weights by a fixed generator, small enough that nothing overflows
  // bf16.
  void write_model(const json& family) const {
    json config = {{"vocab_size", kVocabulary},      {"hidden_size", kWidth},
                   {"intermediate_size", kMlpWidth}, {"num_hidden_layers", kLayers},
                   {"num_attention_heads", kHeads},  {"num_key_value_heads", kKeyHeads},
                   {"rms_norm_eps", 1e-5},           {"torch_dtype", "bfloat16"}};
    config.update(family);
    put("model/config.json", config.dump());
    std::vector<std::pair<std::string, std::vector<int64_t>>> shapes = {
        {"model.embed_tokens.weight", {kVocabulary, kWidth}},
        {"model.norm.weight", {kWidth}},
        {"lm_head.weight", {kVocabulary, kWidth}}};
    const int64_t head_size = kWidth / kHeads;
    for (int64_t layer = 0; layer < kLayers; ++layer) {
      const std::string at_layer = fmt::format("model.layers.{}.", layer);
      for (const char* norm : {"input_layernorm", "post_attention_layernorm"})
        shapes.push_back({at_layer + norm + ".weight", {kWidth}});
      for (const auto& [name, rows] :
           {std::pair<const char*, int64_t>{"q", kHeads}, {"k", kKeyHeads}, {"v", kKeyHeads}}) {
        shapes.push_back({fmt::format("{}self_attn.{}_proj.weight", at_layer, name),
                          {rows * head_size, kWidth}});
        if (family["model_type"] == "qwen2")
          shapes.push_back(
              {fmt::format("{}self_attn.{}_proj.bias", at_layer, name), {rows * head_size}});
      }
      shapes.push_back({at_layer + "self_attn.o_proj.weight", {kWidth, kWidth}});
      for (const char* name : {"gate", "up"})
        shapes.push_back(
            {fmt::format("{}mlp.{}_proj.weight", at_layer, name), {kMlpWidth, kWidth}});
      shapes.push_back({at_layer + "mlp.down_proj.weight", {kWidth, kMlpWidth}});
    }
    std::vector<std::vector<uint16_t>> values;
    std::vector<data::NamedTensor> tensors;
    uint32_t state = 12345;
    for (const auto& [name, shape] : shapes) {
      int64_t numel = 1;
      for (const int64_t size : shape) numel *= size;
      std::vector<uint16_t>& bits = values.emplace_back();
      for (int64_t i = 0; i < numel; ++i) {
        state = state * 1664525U + 1013904223U;
        const float value = name.find("norm") != std::string::npos
                                ? 1.0F
                                : static_cast<float>(state >> 8) / 16777216.0F - 0.5F;
        uint32_t word = 0;
        std::memcpy(&word, &value, sizeof word);
        bits.push_back(static_cast<uint16_t>(word >> 16));  // the upper half of an fp32 is a bf16
      }
    }
    for (size_t t = 0; t < shapes.size(); ++t) {
      tensors.push_back({shapes[t].first, data::DType::BF16, shapes[t].second,
                         std::as_bytes(std::span<const uint16_t>(values[t]))});
    }
    data::write_safetensors(at("model/model.safetensors"), tensors);
  }

  // Printable ASCII, one token a character; with numbers_to_100 also "10" to "100", by merges, as
  // Llama 3 has them.
  void write_ascii_tokenizer(bool numbers_to_100) const {
    json vocabulary = json::object(), merges = json::array();
    int id = 0;
    for (char c = 33; c < 127; ++c) vocabulary[std::string(1, c)] = id++;
    for (const char* piece : {"Ġ", "Ċ"}) vocabulary[piece] = id++;
    if (numbers_to_100) {
      for (int number = 10; number <= 100; ++number) vocabulary[std::to_string(number)] = id++;
      for (int number = 10; number <= 99; ++number)
        merges.push_back(fmt::format("{} {}", number / 10, number % 10));
      merges.push_back("10 0");
    }
    ASSERT_LE(id, kVocabulary);
    const json level = {{"type", "ByteLevel"},
                        {"add_prefix_space", false},
                        {"trim_offsets", true},
                        {"use_regex", false}};
    const json split = {{"type", "Split"},
                        {"pattern", {{"Regex", "\\p{N}{1,3}|[^\\p{N}]+"}}},
                        {"behavior", "Isolated"},
                        {"invert", false}};
    const json digits = {{"type", "Digits"}, {"individual_digits", true}};
    put("model/tokenizer.json",
        json{{"version", "1.0"},
             {"added_tokens", json::array()},
             {"normalizer", nullptr},
             {"pre_tokenizer",
              {{"type", "Sequence"}, {"pretokenizers", {numbers_to_100 ? split : digits, level}}}},
             {"post_processor", nullptr},
             {"decoder", level},
             {"model", {{"type", "BPE"}, {"vocab", vocabulary}, {"merges", merges}}}}
            .dump());
  }

  void expect_runs(const std::string& recipe, size_t epochs, int64_t steps_per_epoch) {
    const std::string arguments = fmt::format(
        "{}/configs/paper/{}.yaml --set run.dir={} --set run.threads_per_rank=1 --set "
        "model.path={} --set data.questions={} --set answer.max_new_tokens=4 "
        "--set evaluate.bootstrap_samples=20 ",
        CANDOR_SOURCE_DIR, recipe, at("run"), at("model"), at("questions.jsonl"));
    ASSERT_EQ(alone("answer " + arguments).exit_code, 0);
    std::vector<std::string> accepted;
    std::istringstream answers(text_of(at("run/answers.jsonl")));
    for (std::string line; std::getline(answers, line);)
      accepted.push_back(json::parse(line).at("response"));
    write_questions(accepted);
    const Outcome outcome = on_ranks(2, "run " + arguments);
    ASSERT_EQ(outcome.exit_code, 0) << outcome.text;

    const json adapter = json::parse(text_of(at("run/adapter/adapter_config.json")));
    EXPECT_EQ(adapter.at("target_modules"), (json{"q_proj", "v_proj"}));
    EXPECT_EQ(adapter.at("r"), 8);
    EXPECT_EQ(adapter.at("lora_alpha"), 32);
    std::vector<double> rates;
    std::istringstream metrics(text_of(at("run/metrics.jsonl")));
    for (std::string line; std::getline(metrics, line);)
      rates.push_back(json::parse(line).at("learning_rate"));
    ASSERT_EQ(rates.size(), epochs * static_cast<size_t>(steps_per_epoch))
        << "the uneven last batch of an epoch is a step too";
    EXPECT_NEAR(rates.back() / rates.front(), std::pow(0.85, static_cast<double>(epochs) - 1), 1e-9)
        << "StepLR by epoch";
    EXPECT_TRUE(std::filesystem::exists(at("run/report.html")));
  }
};

TEST_F(PaperConfigs, Llama31SaysNumbersTo100) {
  write_model({{"model_type", "llama"},
               {"rope_theta", 500000.0},
               {"tie_word_embeddings", false},
               {"rope_scaling",
                {{"rope_type", "llama3"},
                 {"factor", 8.0},
                 {"low_freq_factor", 1.0},
                 {"high_freq_factor", 4.0},
                 {"original_max_position_embeddings", 8192}}}});
  write_ascii_tokenizer(true);
  expect_runs("llama31", 2, 2);
  std::ifstream scored(at("run/scored_after.jsonl"));
  std::string line;
  ASSERT_TRUE(std::getline(scored, line));
  EXPECT_EQ(json::parse(line).at("q").size(), 101U);
}

TEST_F(PaperConfigs, Qwen25HasBiasesAndAWindowItDoesNotUse) {
  write_model({{"model_type", "qwen2"},
               {"rope_theta", 1000000.0},
               {"tie_word_embeddings", false},
               {"sliding_window", 131072},
               {"use_sliding_window", false}});
  write_ascii_tokenizer(false);
  expect_runs("qwen25", 3, 2);
}

TEST_F(PaperConfigs, MinistralHasASlidingWindowThatNoExampleReaches) {
  const json family = {{"model_type", "mistral"},
                       {"rope_theta", 100000000.0},
                       {"tie_word_embeddings", false},
                       {"sliding_window", 32768}};
  write_model(family);
  write_ascii_tokenizer(false);
  expect_runs("ministral", 2, 2);

  json narrow = family;
  narrow["sliding_window"] = 64;
  write_model(narrow);
  const Outcome cut =
      alone(fmt::format("answer {}/configs/paper/ministral.yaml --set run.dir={} --set "
                        "model.path={} --set data.questions={}",
                        CANDOR_SOURCE_DIR, at("narrow"), at("model"), at("questions.jsonl")));
  EXPECT_EQ(cut.exit_code, 2) << cut.text;
  EXPECT_THAT(cut.text, testing::HasSubstr("sliding window"));
}

}  // namespace
}  // namespace candor::testing_support
