#include "data_pipeline/questions/grading.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <stdexcept>

#include "data_pipeline/questions/answer_words.h"
#include "data_pipeline/questions/stated_value.h"

namespace candor::data {
namespace {

class AliasMatch final : public Grader {
 public:
  std::optional<double> grade(const AnsweredQuestion& answer) const override {
    const bool right = std::any_of(
        answer.answers.begin(), answer.answers.end(),
        [&](const std::string& accepted) { return is_same_answer(accepted, answer.response); });
    return right ? 1.0 : 0.0;
  }
};

class Numeric final : public Grader {
 public:
  std::optional<double> grade(const AnsweredQuestion& answer) const override {
    const std::optional<StatedValue> stated = last_value(answer.response);
    bool any = false;
    for (const std::string& accepted : answer.answers) {
      const std::optional<StatedValue> gold = last_value(accepted);
      any = any || (gold && can_be_compared(*gold));
      if (gold && stated && agrees(*gold, *stated)) return 1.0;
    }
    if (!any) return std::nullopt;  // nothing to compare with
    return 0.0;
  }
};

class YesNo final : public Grader {
 public:
  std::optional<double> grade(const AnsweredQuestion& answer) const override {
    const std::optional<bool> stated = first_verdict(answer.response);
    bool any = false;
    for (const std::string& accepted : answer.answers) {
      const std::optional<bool> gold = first_verdict(accepted);
      any = any || gold;
      if (gold && gold == stated) return 1.0;
    }
    if (!any) return std::nullopt;
    return 0.0;
  }

 private:
  // Yes or true; none where no word says either. "t" is that of "isn't".
  static std::optional<bool> first_verdict(std::string_view text) {
    std::string previous;
    for (const std::string& word : words_of(text)) {
      if (word == "yes" || word == "no") return word == "yes";
      if (word == "true" || word == "false") {
        const bool denied = previous == "not" || previous == "t";
        return (word == "true") != denied;
      }
      previous = word;
    }
    return std::nullopt;
  }
};

template <typename T>
std::unique_ptr<Grader> made() {
  return std::make_unique<T>();
}

// To add a grader: its class, and its line here. The config's choices are these.
struct GraderEntry {
  const char* name;
  std::unique_ptr<Grader> (*make)();
};
constexpr GraderEntry kGraders[] = {
    {"alias_match", made<AliasMatch>}, {"numeric", made<Numeric>}, {"yes_no", made<YesNo>}};

}  // namespace

std::vector<std::string> grader_names() {
  std::vector<std::string> names;
  for (const GraderEntry& grader : kGraders) names.emplace_back(grader.name);
  return names;
}

std::unique_ptr<Grader> make_grader(const std::string& name) {
  for (const GraderEntry& grader : kGraders) {
    if (name == grader.name) return grader.make();
  }
  throw std::invalid_argument(fmt::format("grade.grader: expected one of {}, got {}",
                                          fmt::join(grader_names(), ", "), name));
}

}  // namespace candor::data
