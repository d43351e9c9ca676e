// Graders, with the mistakes that grading programs are known for.
#include "data_pipeline/questions/grading.h"

#include <gtest/gtest.h>

#include "data_pipeline/questions/stated_value.h"

namespace candor::data {
namespace {

std::optional<double> graded(const std::string& grader, const std::string& response,
                             const std::vector<std::string>& answers) {
  AnsweredQuestion answer;
  answer.response = response;
  answer.answers = answers;
  return make_grader(grader)->grade(answer);
}

std::optional<double> last_number(const std::string& text) {
  const std::optional<StatedValue> value = last_value(text);
  if (!value) return std::nullopt;
  if (const Date* date = std::get_if<Date>(&*value)) return date->year;
  return std::get<double>(*value);
}

TEST(AliasMatch, IsExactAfterNormalisation) {
  for (const char* right : {"Paris", " paris.", "PARIS!", "the Paris", "\"Paris\""})
    EXPECT_EQ(graded("alias_match", right, {"London", "Paris"}), 1.0) << right;
  for (const char* wrong : {"", "Par", "Paris, France", "not Paris", "Parisian"})
    EXPECT_EQ(graded("alias_match", wrong, {"Paris"}), 0.0) << wrong;
  EXPECT_EQ(graded("alias_match", "ÎLE-DE-FRANCE", {"île de France"}), 1.0);
  EXPECT_EQ(graded("alias_match", "The Bahamas", {"Bahamas"}), 1.0);
  EXPECT_EQ(graded("alias_match", "A", {"A"}), 1.0) << "an article may be the whole answer";
  EXPECT_EQ(graded("alias_match", "...", {"!!!"}), 0.0);
  EXPECT_EQ(graded("alias_match", " !!!\n", {"!!!"}), 1.0)
      << "without a normalised form, texts are compared as they are";
  EXPECT_EQ(graded("alias_match", "", {" "}), 0.0);
  EXPECT_EQ(graded("alias_match", "Bogota\xCC\x81", {"Bogotá"}), 1.0)
      << "a combining accent is the accented letter";
  EXPECT_EQ(graded("alias_match", "Bogot\xC3", {"Bogotá"}), 0.0) << "half a letter";
}

TEST(Numeric, TakesTheLastNumberWithItsSign) {
  EXPECT_EQ(graded("numeric", "3 apples and 4 pears make 7", {"7"}), 1.0);
  EXPECT_EQ(graded("numeric", "-5", {"5"}), 0.0);
  EXPECT_EQ(graded("numeric", "it is -5.", {"-5"}), 1.0);
  EXPECT_EQ(graded("numeric",
                   "\xE2\x88\x92"
                   "5",
                   {"-5"}),
            1.0);
  EXPECT_EQ(graded("numeric", "$1,234.50", {"1234.5"}), 1.0);
  EXPECT_EQ(graded("numeric", "-$20", {"-20"}), 1.0);
  EXPECT_EQ(graded("numeric", "10-12", {"12"}), 1.0) << "a hyphen between numbers is no sign";
  EXPECT_EQ(graded("numeric", "0.50", {".5"}), 1.0);
  EXPECT_EQ(graded("numeric", "50%", {"50"}), 1.0);
  EXPECT_EQ(graded("numeric", "1, 2, 3", {"3"}), 1.0);
  EXPECT_EQ(graded("numeric", "", {"0"}), 0.0);
  EXPECT_EQ(graded("numeric", "none", {"7"}), 0.0);
  for (const char* negative : {"-€5", "€-5", "-£5", "x=-5", "10 to -5"})
    EXPECT_EQ(last_number(negative), -5.0) << negative;
  for (const char* joined : {"10-5",
                             "10\xE2\x88\x92"
                             "5",
                             "$10-$5", "10%-5%", "COVID-5", "- 5", "+5"})
    EXPECT_EQ(last_number(joined), 5.0) << joined;
  EXPECT_EQ(last_number("1,234,567"), 1234567.0);
  EXPECT_EQ(last_number("in 2023,100 of them"), 100.0);
  EXPECT_EQ(last_number("1.5e3 m"), 1500.0);
  EXPECT_EQ(last_number("2E-1"), 0.2);
  EXPECT_EQ(last_number("-3/4"), -0.75);
  EXPECT_EQ(last_number("3/4/2020"), 2020.0);
  EXPECT_EQ(last_number("1/0"), 0.0);
  EXPECT_EQ(graded("numeric", "1/4", {"3/4"}), 0.0);
  EXPECT_EQ(graded("numeric", "50%", {"0.5"}), 0.0);
  const std::string long_number(400, '9');
  EXPECT_EQ(graded("numeric", long_number, {"7"}), 0.0) << "more digits than a double holds";
  EXPECT_EQ(graded("numeric", long_number, {long_number}), std::nullopt);
  EXPECT_EQ(graded("numeric", "7", {"seven"}), std::nullopt) << "nothing to compare with";
}

TEST(YesNo, TakesTheFirstWholeWord) {
  EXPECT_EQ(graded("yes_no", "Yes, it is.", {"yes"}), 1.0);
  EXPECT_EQ(graded("yes_no", "No.", {"yes"}), 0.0);
  EXPECT_EQ(graded("yes_no", "", {"yes"}), 0.0);
  EXPECT_EQ(graded("yes_no", "", {"no"}), 0.0);
  EXPECT_EQ(graded("yes_no", "I know nothing", {"no"}), 0.0) << "no part of a word counts";
  EXPECT_EQ(graded("yes_no", "Yes and no", {"no"}), 0.0) << "the first one counts";
  EXPECT_EQ(graded("yes_no", "no", {"False"}), 1.0);
  EXPECT_EQ(graded("yes_no", "maybe", {"perhaps"}), std::nullopt);
}

TEST(Graders, UnknownNamesAreRefusedWithTheKnownOnes) {
  try {
    make_grader("judge");
    FAIL();
  } catch (const std::invalid_argument& error) {
    EXPECT_NE(std::string(error.what()).find("alias_match, numeric, yes_no"), std::string::npos);
  }
}

}  // namespace
}  // namespace candor::data
