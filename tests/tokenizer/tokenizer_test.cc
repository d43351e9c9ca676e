// The tokenizer against what Hugging Face's `tokenizers` makes of hard strings (data/golden.json,
// written by make_golden.py), and its refusals.
#include "data_pipeline/tokenizer/tokenizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <nlohmann/json.hpp>
#include <system_error>
#include <thread>

#include "tests/files/temporary_folder.h"

namespace candor::data {
namespace {

using nlohmann::json;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

std::string data_path(const std::string& name) {
  return std::string(CANDOR_SOURCE_DIR) + "/tests/tokenizer/data/" + name;
}

Tokenizer load(const std::string& name) { return Tokenizer::from_file(data_path(name + ".json")); }

// What from_file says about the small SmolLM2-like tokenizer once `damage` has changed its JSON.
std::string refusal(const std::function<void(json&)>& damage) {
  json description = json::parse(read_file(data_path("smollm.json")));
  damage(description);
  const TemporaryFolder folder;
  write_plain(folder / "tokenizer.json", description.dump());
  std::string message =
      message_of<std::invalid_argument>([&] { Tokenizer::from_file(folder / "tokenizer.json"); });
  EXPECT_THAT(message, HasSubstr(folder / "tokenizer.json"));
  return message;
}

Tokenizer changed(const std::string& name, const std::function<void(json&)>& change) {
  json description = json::parse(read_file(data_path(name + ".json")));
  change(description);
  const TemporaryFolder folder;
  write_plain(folder / "tokenizer.json", description.dump());
  return Tokenizer::from_file(folder / "tokenizer.json");
}

class TokenizerGolden : public ::testing::TestWithParam<const char*> {};

TEST_P(TokenizerGolden, HardStringsGiveTheReferenceIdsAndText) {
  const Tokenizer tokenizer = load(GetParam());
  const json golden = json::parse(read_file(data_path("golden.json")));
  ASSERT_GT(golden.at(GetParam()).size(), 200U);
  for (const json& entry : golden.at(GetParam())) {
    const auto text = entry.at("text").get<std::string>();
    const auto ids = entry.at("ids").get<std::vector<std::uint32_t>>();
    EXPECT_EQ(tokenizer.encode(text), ids) << entry.at("text").dump();
    EXPECT_EQ(tokenizer.encode_with_offsets(text).ids, ids) << entry.at("text").dump();
    EXPECT_EQ(tokenizer.decode(ids, false), entry.at("decoded").get<std::string>())
        << entry.at("text").dump();
    EXPECT_EQ(tokenizer.decode(ids), entry.at("plain").get<std::string>())
        << entry.at("text").dump();
  }
}

TEST_P(TokenizerGolden, OffsetsCoverTheTextInOrder) {
  const Tokenizer tokenizer = load(GetParam());
  const bool composes = std::string_view(GetParam()) ==
                        "qwen";  // there several tokens may share the place of a composed character
  for (const json& entry : json::parse(read_file(data_path("hard_strings.json")))) {
    const auto text = entry.get<std::string>();
    std::size_t done = 0;
    for (const auto& [begin, end] : tokenizer.encode_with_offsets(text).byte_offsets) {
      EXPECT_TRUE(begin == done || (composes && begin < done))
          << entry.dump() << " at " << begin << " after " << done;
      EXPECT_LT(begin, end) << entry.dump();
      done = end;
    }
    EXPECT_EQ(done, text.size()) << entry.dump();
  }
}

INSTANTIATE_TEST_SUITE_P(, TokenizerGolden, ::testing::Values("llama3", "smollm", "qwen"));

TEST(TokenizerTest, EncodeAddsNothingThoughThePostProcessorWould) {
  const Tokenizer tokenizer = load("llama3");
  EXPECT_TRUE(tokenizer.encode("").empty());
  const auto begin = tokenizer.token_to_id("<|begin_of_text|>");
  ASSERT_TRUE(begin);
  EXPECT_THAT(tokenizer.encode("<|begin_of_text|>"), ElementsAre(*begin));
  EXPECT_NE(tokenizer.encode("the").front(), *begin);
}

TEST(TokenizerTest, IgnoreMergesMakesEveryNumberUpToHundredOneToken) {
  const Tokenizer with = load("llama3"),
                  without =
                      changed("llama3", [](json&root) { root["model"]["ignore_merges"] = false; });
  std::size_t split = 0;
  for (int number = 0; number <= 100; ++number) {
    EXPECT_EQ(with.encode(std::to_string(number)).size(), 1U) << number;
    split += without.encode(std::to_string(number)).size() > 1;
  }
  EXPECT_GT(split, 0U);
}

TEST(TokenizerTest, BothFormsOfMergesAreTheSame) {
  const Tokenizer pairs = load("llama3"),
                  text = changed("llama3", [](json&root) {
                    for (json& merge : root["model"]["merges"])
                      merge = merge[0].get<std::string>() + " " + merge[1].get<std::string>();
                  });
  for (const json& entry : json::parse(read_file(data_path("hard_strings.json")))) {
    EXPECT_EQ(pairs.encode(entry.get<std::string>()), text.encode(entry.get<std::string>()))
        << entry.dump();
  }
}

TEST(TokenizerTest, AddedTokensTakeTheSpacesTheyAskFor) {
  const Tokenizer tokenizer = load("qwen");
  const auto encoding = tokenizer.encode_with_offsets("<fill>  <mask>");
  EXPECT_THAT(encoding.ids,
              ElementsAre(*tokenizer.token_to_id("<fill>"), *tokenizer.token_to_id("<mask>")));
  EXPECT_THAT(encoding.byte_offsets, ElementsAre(Pair(0, 8), Pair(8, 14)));
}

TEST(TokenizerTest, ComposedTextKeepsThePlacesOfTheOriginal) {
  const Tokenizer tokenizer = load("qwen");
  const auto encoding =
      tokenizer.encode_with_offsets("e\u0301<|im_end|>");  // 3 bytes, composed to 2
  EXPECT_EQ(encoding.ids.back(), *tokenizer.token_to_id("<|im_end|>"));
  EXPECT_EQ(encoding.byte_offsets.front(), std::pair(std::size_t{0}, std::size_t{3}));
  EXPECT_EQ(encoding.byte_offsets.back(), std::pair(std::size_t{3}, std::size_t{13}));
  EXPECT_EQ(tokenizer.encode("e\u0301"), tokenizer.encode("\u00e9"));
}

TEST(TokenizerTest, DecodeLeavesOutUnknownIdsAndReplacesBrokenCharacters) {
  const Tokenizer tokenizer = load("smollm");
  const auto size = static_cast<std::uint32_t>(tokenizer.vocabulary_size());
  EXPECT_EQ(tokenizer.decode(std::vector<std::uint32_t>{size, 4000000000U}), "");
  auto ids = tokenizer.encode("\U0001d15e");  // four bytes, none merged
  ASSERT_EQ(ids.size(), 4U);
  ids.pop_back();
  EXPECT_EQ(tokenizer.decode(ids), "\ufffd");
  ids.push_back(*tokenizer.token_to_id("a"));
  EXPECT_EQ(tokenizer.decode(ids), "\ufffda");
}

TEST(TokenizerTest, LooksTokensUp) {
  const Tokenizer tokenizer = load("smollm");
  const auto end = tokenizer.token_to_id("<|im_end|>");
  ASSERT_TRUE(end);
  EXPECT_TRUE(tokenizer.is_special(*end));
  EXPECT_EQ(tokenizer.id_to_token(*end), "<|im_end|>");
  EXPECT_EQ(tokenizer.id_to_token(*tokenizer.token_to_id("Ġthe")), "Ġthe");
  EXPECT_FALSE(tokenizer.is_special(*tokenizer.token_to_id("a")));
  EXPECT_FALSE(tokenizer.token_to_id("no such token"));
  EXPECT_FALSE(tokenizer.id_to_token(static_cast<std::uint32_t>(tokenizer.vocabulary_size())));
  EXPECT_EQ(tokenizer.vocabulary_size(), 405U);
  EXPECT_THAT(tokenizer.sha256(), ::testing::MatchesRegex("[0-9a-f]{64}"));
  EXPECT_NE(tokenizer.sha256(), load("llama3").sha256());
}

TEST(TokenizerTest, RefusesTextThatIsNotUtf8AndSaysWhere) {
  const Tokenizer tokenizer = load("smollm");
  for (const char* const text :
       {"ab\xff", "ab\xc3", "ab\xed\xa0\x80", "ab\xc0\x80", "ab\xf4\x90\x80\x80"}) {
    EXPECT_THAT(message_of<std::invalid_argument>([&] { tokenizer.encode(text); }),
                AllOf(HasSubstr("byte 2"), HasSubstr("UTF-8")));
  }
}

TEST(TokenizerTest, LongWordsAndManyThreadsGiveTheSame) {
  const Tokenizer tokenizer = load("llama3");
  std::string text;
  for (int i = 0; i < 3000; ++i)
    text += "word" + std::to_string(i) + (i % 7 == 0 ? std::string(50, ' ') : "\n");
  text += std::string(100000, 'a') + std::string(100000, ' ');
  const auto expected = tokenizer.encode(text);
  EXPECT_EQ(tokenizer.decode(expected), text);
  std::vector<std::vector<std::uint32_t>> got(4);
  {
    const Tokenizer fresh = load("llama3");
    std::vector<std::thread> threads;
    for (auto& ids : got) threads.emplace_back([&ids, &fresh, &text] { ids = fresh.encode(text); });
    for (auto& thread : threads) thread.join();
  }
  for (const auto& ids : got) EXPECT_EQ(ids, expected);
}

TEST(TokenizerFileTest, RefusesWhatIsNotReadable) {
  const TemporaryFolder folder;
  const std::string path = folder / "tokenizer.json";
  EXPECT_THROW(Tokenizer::from_file(path), std::system_error);
  const std::string content = read_file(data_path("smollm.json"));
  for (const std::size_t size :
       {std::size_t{0}, std::size_t{1}, content.size() / 2, content.size() - 3}) {
    write_plain(path, content.substr(0, size));
    EXPECT_THAT(message_of<std::invalid_argument>([&] { Tokenizer::from_file(path); }),
                HasSubstr(path))
        << size;
  }
  for (const char* const other : {"[]", "null", "3", "{}", R"({"model": 3})", R"({"model": {}})"}) {
    write_plain(path, other);
    EXPECT_THAT(message_of<std::invalid_argument>([&] { Tokenizer::from_file(path); }),
                HasSubstr(path))
        << other;
  }
}

TEST(TokenizerFileTest, RefusesOtherModels) {
  EXPECT_THAT(refusal([](json& root) { root["model"]["type"] = "WordPiece"; }),
              AllOf(HasSubstr("WordPiece"), HasSubstr("BPE")));
  EXPECT_THAT(refusal([](json& root) {
                root["model"] = {{"type", "Unigram"}, {"vocab", json::array()}};
              }),
              HasSubstr("Unigram"));
  EXPECT_THAT(refusal([](json& root) { root.erase("model"); }), HasSubstr("model"));
  EXPECT_THAT(refusal([](json& root) { root["model"].erase("vocab"); }), HasSubstr("vocab"));
  EXPECT_THAT(refusal([](json& root) { root["model"].erase("merges"); }), HasSubstr("merges"));
  EXPECT_THAT(refusal([](json& root) { root["model"]["vocab"] = json::array({"a"}); }),
              HasSubstr("vocab"));
  EXPECT_THAT(refusal([](json& root) { root["model"]["vocab"] = json::object(); }),
              HasSubstr("vocab"));
  EXPECT_THAT(refusal([](json& root) { root["model"]["byte_fallback"] = true; }),
              HasSubstr("byte_fallback"));
  EXPECT_THAT(refusal([](json& root) { root["model"]["dropout"] = 0.1; }), HasSubstr("dropout"));
  EXPECT_THAT(refusal([](json& root) { root["model"]["continuing_subword_prefix"] = "##"; }),
              HasSubstr("continuing_subword_prefix"));
  EXPECT_THAT(refusal([](json& root) { root["model"]["end_of_word_suffix"] = "</w>"; }),
              HasSubstr("end_of_word_suffix"));
  EXPECT_THAT(refusal([](json& root) { root["model"]["unk_token"] = "<nowhere>"; }),
              HasSubstr("<nowhere>"));
}

TEST(TokenizerFileTest, RefusesOtherSteps) {
  EXPECT_THAT(refusal([](json& root) {
                root["pre_tokenizer"] = {{"type", "Metaspace"}};
              }),
              AllOf(HasSubstr("pre_tokenizer"), HasSubstr("Metaspace")));
  EXPECT_THAT(refusal([](json& root) {
                root["pre_tokenizer"]["pretokenizers"][0] = {{"type", "Whitespace"}};
              }),
              HasSubstr("Whitespace"));
  EXPECT_THAT(refusal([](json& root) { root["pre_tokenizer"]["pretokenizers"].erase(1); }),
              HasSubstr("ByteLevel is missing"));
  EXPECT_THAT(refusal([](json& root) { root["pre_tokenizer"] = nullptr; }),
              HasSubstr("pre_tokenizer"));
  const auto with_split = [](const json& pattern, const char* behavior) {
    return [=](json& root) {
      root["pre_tokenizer"]["pretokenizers"][0] = {
          {"type", "Split"}, {"pattern", pattern}, {"behavior", behavior}, {"invert", false}};
    };
  };
  EXPECT_THAT(refusal(with_split({{"Regex", "(unclosed"}}, "Isolated")), HasSubstr("(unclosed"));
  EXPECT_THAT(refusal(with_split({{"Regex", "a"}}, "Sideways")), HasSubstr("Sideways"));
  EXPECT_THAT(refusal(with_split({{"Glob", "a"}}, "Isolated")), HasSubstr("Glob"));
  EXPECT_THAT(refusal([](json& root) {
                root["normalizer"] = {{"type", "Lowercase"}};
              }),
              AllOf(HasSubstr("normalizer"), HasSubstr("Lowercase")));
  EXPECT_THAT(refusal([](json& root) {
                root["decoder"] = {{"type", "WordPiece"}};
              }),
              AllOf(HasSubstr("decoder"), HasSubstr("WordPiece")));
}

TEST(TokenizerFileTest, RefusesMergesOfUnknownTokens) {
  EXPECT_THAT(refusal([](json& root) {
                root["model"]["merges"].insert(root["model"]["merges"].begin(), "a 東");
              }),
              AllOf(HasSubstr("merges"), HasSubstr("東")));
  EXPECT_THAT(refusal([](json& root) { root["model"]["merges"].push_back("~ ~"); }),
              AllOf(HasSubstr("merges"), HasSubstr("\"~~\"")));
  EXPECT_THAT(refusal([](json& root) { root["model"]["merges"].push_back("abc"); }),
              AllOf(HasSubstr("merges"), HasSubstr("\"abc\"")));
  EXPECT_THAT(refusal([](json& root) {
                root["model"]["merges"].push_back(json::array({"a", "b", "c"}));
              }),
              HasSubstr("merges"));
  EXPECT_THAT(refusal([](json& root) { root["model"]["merges"].push_back(7); }),
              HasSubstr("merges"));
}

TEST(TokenizerFileTest, RefusesIdsThatDoNotFit) {
  EXPECT_THAT(refusal([](json& root) { root["model"]["vocab"]["zzz"] = 5; }),
              AllOf(HasSubstr("id 5"), HasSubstr("twice")));
  EXPECT_THAT(refusal([](json& root) { root["model"]["vocab"]["zzz"] = -1; }), HasSubstr("-1"));
  EXPECT_THAT(refusal([](json& root) { root["model"]["vocab"]["zzz"] = 1 << 20; }),
              HasSubstr("expected 0 to 1048575"));
  EXPECT_THAT(refusal([](json& root) {
                root["added_tokens"].push_back({{"id", 1 << 20}, {"content", "zzz"}});
              }),
              HasSubstr("expected 0 to 1048575"));
  EXPECT_THAT(refusal([](json& root) { root["model"]["vocab"]["zzz"] = 1LL << 40; }),
              HasSubstr("1099511627776"));
  EXPECT_THAT(refusal([](json& root) { root["model"]["vocab"]["zzz"] = "5"; }), HasSubstr("vocab"));
  EXPECT_THAT(refusal([](json& root) { root["model"]["vocab"]["zzz"] = 500.5; }),
              HasSubstr("vocab"));
  EXPECT_THAT(refusal([](json& root) { root["added_tokens"][0]["id"] = 5; }),
              AllOf(HasSubstr("added_tokens"), HasSubstr("id 5")));
  EXPECT_THAT(
      refusal([](json& root) { root["added_tokens"][1]["id"] = root["added_tokens"][0]["id"]; }),
      HasSubstr("added_tokens"));
  EXPECT_THAT(refusal([](json& root) { root["added_tokens"][0]["content"] = "a"; }),
              AllOf(HasSubstr("added_tokens"), HasSubstr("\"a\"")));
  EXPECT_THAT(refusal([](json& root) { root["added_tokens"][0]["id"] = -1; }), HasSubstr("-1"));
}

}  // namespace
}  // namespace candor::data
