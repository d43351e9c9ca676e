// Chat templates against what transformers rendered (make_golden.py), and the errors for what can't be rendered.
#include "data_pipeline/chat/chat_template.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "data_pipeline/files/read_file.h"

namespace candor {
namespace {

using testing::HasSubstr;

const std::string kData = CANDOR_SOURCE_DIR "/tests/chat/data/";
const std::map<std::string, std::string> kTokens = {{"bos_token", "<s>"}, {"eos_token", "</s>"}};

// 26 July 2024, 13:05.
std::string fixed_clock(const std::string& format) {
  std::tm time{};
  time.tm_year = 124;
  time.tm_mon = 6;
  time.tm_mday = 26;
  time.tm_hour = 13;
  time.tm_min = 5;
  char text[64];
  return {text, std::strftime(text, sizeof text, format.c_str(), &time)};
}

std::string render(const std::string& source, const std::vector<ChatMessage>& messages = {{"user", "Hi"}}, bool generation = false) {
  return ChatTemplate(source, kTokens, fixed_clock).render(messages, generation);
}

std::string error_of(const std::string& source) {
  try {
    render(source);
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return "no error";
}

TEST(ChatTemplate, RendersAsTransformersDoes) {
  const nlohmann::json cases = nlohmann::json::parse(read_file(kData + "golden.json"));
  ASSERT_GT(cases.size(), 150U);
  for (const nlohmann::json& one : cases) {
    const std::string source = one.contains("source") ? one["source"].get<std::string>() : read_file(kData + one["template"].get<std::string>());
    std::vector<ChatMessage> messages;
    for (const nlohmann::json& message : one["messages"]) messages.push_back({message[0], message[1]});
    const std::string what = one.value("source", one.value("template", ""));
    if (one.contains("text")) {
      try {
        EXPECT_EQ(render(source, messages, one["generation"]), one["text"].get<std::string>()) << what;
      } catch (const std::invalid_argument& error) {
        ADD_FAILURE() << what << ": " << error.what();
      }
    } else {
      EXPECT_THROW(render(source, messages, one["generation"]), std::invalid_argument) << what;
    }
  }
}

TEST(ChatTemplate, RaisedExceptionsSpeakInTheTemplatesWords) {
  EXPECT_THAT(error_of("a\n{{ raise_exception('roles must alternate') }}"), AllOf(HasSubstr("line 2"), HasSubstr("roles must alternate")));
}

TEST(ChatTemplate, UnsupportedConstructsAreNamedWithTheirLine) {
  EXPECT_THAT(error_of("x\n\n{% include 'other' %}"), AllOf(HasSubstr("line 3"), HasSubstr("include")));
  EXPECT_THAT(error_of("{{ 'a' | wordwrap }}"), AllOf(HasSubstr("line 1"), HasSubstr("wordwrap")));
  EXPECT_THAT(error_of("{{ 1 is prime }}"), AllOf(HasSubstr("line 1"), HasSubstr("prime")));
  EXPECT_THAT(error_of("{{ lipsum() }}"), AllOf(HasSubstr("line 1"), HasSubstr("lipsum")));
}

TEST(ChatTemplate, SyntaxErrorsNameTheirLine) {
  EXPECT_THAT(error_of("{% if true %}\nx"), AllOf(HasSubstr("line 1"), HasSubstr("endif")));
  EXPECT_THAT(error_of("\n{{ 1 + }}"), HasSubstr("line 2"));
  EXPECT_THAT(error_of("\n{{ 'open }}"), AllOf(HasSubstr("line 2"), HasSubstr("quote")));
  EXPECT_THAT(error_of("{% endfor %}"), HasSubstr("endfor"));
  EXPECT_THAT(error_of("{# open"), HasSubstr("#}"));
  EXPECT_THAT(error_of("{{ missing.attribute }}"), AllOf(HasSubstr("missing"), HasSubstr("attribute")));
}

TEST(ChatTemplate, HostileTemplatesEndWithAnError) {
  EXPECT_THAT(error_of("{{ range(999999999) }}"), HasSubstr("range"));
  EXPECT_THAT(error_of("{{ 'aaaaaaaaaa' * 999999999 }}"), HasSubstr("too long"));
  EXPECT_THAT(error_of("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}"), HasSubstr("macro"));
  EXPECT_THAT(error_of("{{ " + std::string(100'000, '(') + " }}"), HasSubstr("nested"));
  EXPECT_THAT(error_of("{{ " + std::string(100'000, '-') + "1 }}"), HasSubstr("nested"));
  EXPECT_THAT(error_of("{% for a in range(90000) %}{% for b in range(90000) %}{% endfor %}{% endfor %}"), HasSubstr("loops"));
}

TEST(ChatTemplate, HashTellsTemplatesAndSpecialTokensApart) {
  const ChatTemplate one("a", {}), same("a", {}), other("b", {}), tokens("a", {{"bos_token", "x"}});
  EXPECT_EQ(one.sha256(), same.sha256());
  EXPECT_NE(one.sha256(), other.sha256());
  EXPECT_NE(one.sha256(), tokens.sha256());
}

}  // namespace
}  // namespace candor
