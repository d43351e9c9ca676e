// Chat templates against what transformers rendered (make_golden.py), and the errors for what can't
// be rendered.
#include "data_pipeline/chat/chat_template.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "data_pipeline/files/read_file.h"

namespace candor::data {
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

std::string render(const std::string& source,
                   const std::vector<ChatMessage>& messages = {{"user", "Hi"}},
                   bool generation = false) {
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
    const std::string source = one.contains("source")
                                   ? one["source"].get<std::string>()
                                   : read_file(kData + one["template"].get<std::string>());
    std::vector<ChatMessage> messages;
    for (const nlohmann::json& message : one["messages"])
      messages.push_back({message[0], message[1]});
    const std::string what = one.value("source", one.value("template", ""));
    if (one.contains("text")) {
      try {
        EXPECT_EQ(render(source, messages, one["generation"]), one["text"].get<std::string>())
            << what;
      } catch (const std::invalid_argument& error) {
        ADD_FAILURE() << what << ": " << error.what();
      }
    } else {
      EXPECT_THROW(render(source, messages, one["generation"]), std::invalid_argument) << what;
    }
  }
}

TEST(ChatTemplate, RaisedExceptionsSpeakInTheTemplatesWords) {
  EXPECT_THAT(error_of("a\n{{ raise_exception('roles must alternate') }}"),
              AllOf(HasSubstr("line 2"), HasSubstr("roles must alternate")));
}

TEST(ChatTemplate, UnsupportedConstructsAreNamedWithTheirLine) {
  EXPECT_THAT(error_of("x\n\n{% include 'other' %}"),
              AllOf(HasSubstr("line 3"), HasSubstr("include")));
  EXPECT_THAT(error_of("{{ 'a' | wordwrap }}"),
              AllOf(HasSubstr("line 1"), HasSubstr("wordwrap"), HasSubstr("trim, unique, upper")));
  EXPECT_THAT(error_of("{{ 'a' | abs }}"), HasSubstr("\"abs\" isn't supported for a text"));
  EXPECT_THAT(error_of("{{ 1 is prime }}"),
              AllOf(HasSubstr("line 1"), HasSubstr("prime"), HasSubstr("boolean, callable")));
  EXPECT_THAT(error_of("{{ lipsum() }}"),
              AllOf(HasSubstr("line 1"), HasSubstr("lipsum"), HasSubstr("raise_exception, range")));
  EXPECT_THAT(error_of("{{ 'a'.swapcase() }}"),
              AllOf(HasSubstr("swapcase"), HasSubstr("split, startswith, strip, title, upper of "
                                                     "texts and get, items, keys, values of")));
}

TEST(ChatTemplate, SyntaxErrorsNameTheirLine) {
  EXPECT_THAT(error_of("{% if true %}\nx"), AllOf(HasSubstr("line 1"), HasSubstr("endif")));
  EXPECT_THAT(error_of("\n{{ 1 + }}"), HasSubstr("line 2"));
  EXPECT_THAT(error_of("\n{{ 'open }}"), AllOf(HasSubstr("line 2"), HasSubstr("quote")));
  EXPECT_THAT(error_of("{% endfor %}"), HasSubstr("endfor"));
  EXPECT_THAT(error_of("{# open"), HasSubstr("#}"));
  EXPECT_THAT(error_of("{{ missing.attribute }}"),
              AllOf(HasSubstr("missing"), HasSubstr("attribute")));
}

TEST(ChatTemplate, HostileTemplatesEndWithAnError) {
  EXPECT_THAT(error_of("{{ range(999999999) }}"), HasSubstr("range"));
  EXPECT_THAT(error_of("{{ 'aaaaaaaaaa' * 999999999 }}"), HasSubstr("too long"));
  EXPECT_THAT(error_of("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}"), HasSubstr("macro"));
  EXPECT_THAT(error_of("{{ " + std::string(100'000, '(') + " }}"), HasSubstr("nested"));
  EXPECT_THAT(error_of("{{ " + std::string(100'000, '-') + "1 }}"), HasSubstr("nested"));
  EXPECT_THAT(
      error_of("{% for a in range(90000) %}{% for b in range(90000) %}{% endfor %}{% endfor %}"),
      HasSubstr("loops"));
}

TEST(ChatTemplate, ChainsAreAsDeepAsTheyAreLong) {
  const auto chain = [](const std::string& first, const std::string& link, int links) {
    std::string source = "{{ " + first;
    for (int i = 0; i < links; ++i) source += link;
    return source + " }}";
  };
  EXPECT_EQ(render(chain("1", " + 1", 150)), "151");
  for (const char* link : {" + 1", ".a", "|abs", " if 1", "[0]", " and 1"})
    EXPECT_THAT(error_of(chain("1", link, 20'000)), HasSubstr("chained")) << link;
}

TEST(ChatTemplate, NoValueHoldsItselfOrNestsWithoutEnd) {
  const std::string begin = "{% set ns = namespace(l=[1]) %}";
  EXPECT_THAT(error_of(begin + "{% set ns.l = ns %}"), HasSubstr("namespace can't be kept"));
  EXPECT_THAT(error_of(begin + "{% set ns.l = [ns] %}"), HasSubstr("namespace can't be kept"));
  EXPECT_THAT(error_of(begin + "{% for i in range(999) %}{% set ns.l = [ns.l] %}{% endfor %}"),
              HasSubstr("nested over"));
  EXPECT_THAT(
      error_of(begin +
               "{% for i in range(60) %}{% set ns.l = [ns.l, ns.l] %}{% endfor %}{{ ns.l }}"),
      HasSubstr("go beyond"));
  EXPECT_THAT(error_of("{% set ns = namespace(t='aaaa') %}{% for i in range(60) %}{% set ns.t = "
                       "ns.t ~ ns.t %}{% endfor %}"),
              HasSubstr("go beyond"));
}

TEST(ChatTemplate, AMacroDoesNotOutliveTheLoopThatDefinesIt) {
  EXPECT_THAT(error_of("{% set ns = namespace() %}{% for i in [1] %}{% macro f() %}{{ i }}{% "
                       "endmacro %}{% set ns.f = f %}{% endfor %}{{ ns.f() }}"),
              AllOf(HasSubstr("macro f"), HasSubstr("has ended")));
}

TEST(ChatTemplate, ArithmeticEndsAtSixtyFourBits) {
  const std::string smallest = "(0 - 9223372036854775 * 1000 - 808)";
  EXPECT_EQ(render("{{ " + smallest + " }}"), "-9223372036854775808");
  for (const char* source : {"-@", "@ // -1", "@ | abs", "@ - 1"}) {
    std::string filled = source;
    filled.replace(filled.find('@'), 1, smallest);
    EXPECT_THAT(error_of("{{ " + filled + " }}"), HasSubstr("too large")) << source;
  }
  EXPECT_EQ(render("{{ " + smallest +
                   " is divisibleby(-1) }}{{ 'abc'[1::9223372036854775 * 1000 + 807] }}"),
            "Trueb");
  EXPECT_EQ(render("{{ '1e300' | int(default=7) }}"), "7");
}

TEST(ChatTemplate, HashTellsTemplatesAndSpecialTokensApart) {
  const ChatTemplate one("a", {}), same("a", {}), other("b", {}), tokens("a", {{"bos_token", "x"}});
  EXPECT_EQ(one.sha256(), same.sha256());
  EXPECT_NE(one.sha256(), other.sha256());
  EXPECT_NE(one.sha256(), tokens.sha256());
}

}  // namespace
}  // namespace candor::data
