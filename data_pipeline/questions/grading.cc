#include "data_pipeline/questions/grading.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <utf8proc.h>

#include <cctype>
#include <stdexcept>
#include <utility>

namespace candor {
namespace {

bool is_article(const std::string& word) { return word == "a" || word == "an" || word == "the"; }

// Words of the normalised text, articles included.
std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> words;
  std::string word;
  const auto end_word = [&] {
    if (!word.empty()) words.push_back(std::exchange(word, ""));
  };
  const auto* bytes = reinterpret_cast<const utf8proc_uint8_t*>(text.data());
  auto left = static_cast<utf8proc_ssize_t>(text.size());
  while (left > 0) {
    utf8proc_int32_t code = 0;
    const utf8proc_ssize_t used = utf8proc_iterate(bytes, left, &code);
    if (used < 1) {  // a byte that isn't UTF-8 separates words
      end_word();
      ++bytes;
      --left;
      continue;
    }
    bytes += used;
    left -= used;
    switch (utf8proc_category(code)) {
      case UTF8PROC_CATEGORY_LU: case UTF8PROC_CATEGORY_LL: case UTF8PROC_CATEGORY_LT: case UTF8PROC_CATEGORY_LM: case UTF8PROC_CATEGORY_LO:
      case UTF8PROC_CATEGORY_MN: case UTF8PROC_CATEGORY_MC: case UTF8PROC_CATEGORY_ME:
      case UTF8PROC_CATEGORY_ND: case UTF8PROC_CATEGORY_NL: case UTF8PROC_CATEGORY_NO: {
        utf8proc_uint8_t encoded[4];
        const utf8proc_ssize_t length = utf8proc_encode_char(utf8proc_tolower(code), encoded);
        word.append(reinterpret_cast<const char*>(encoded), static_cast<size_t>(length));
        break;
      }
      default: end_word();
    }
  }
  end_word();
  return words;
}

bool is_digit(char c) { return std::isdigit(static_cast<unsigned char>(c)) != 0; }

class AliasMatch final : public Grader {
 public:
  std::optional<double> grade(const AnsweredQuestion& answer) const override {
    const std::string response = normalized_answer(answer.response);
    if (response.empty()) return 0.0;
    for (const std::string& accepted : answer.answers) {
      if (normalized_answer(accepted) == response) return 1.0;
    }
    return 0.0;
  }
};

class Numeric final : public Grader {
 public:
  std::optional<double> grade(const AnsweredQuestion& answer) const override {
    const std::optional<double> stated = last_number(answer.response);
    bool any = false;
    for (const std::string& accepted : answer.answers) {
      const std::optional<double> gold = last_number(accepted);
      any = any || gold;
      if (gold && stated && *gold == *stated) return 1.0;
    }
    if (!any) return std::nullopt;  // nothing to compare with
    return 0.0;
  }
};

class YesNo final : public Grader {
 public:
  std::optional<double> grade(const AnsweredQuestion& answer) const override {
    const std::string stated = first_yes_or_no(answer.response);
    bool any = false;
    for (const std::string& accepted : answer.answers) {
      std::string gold = first_yes_or_no(accepted);
      const std::string plain = normalized_answer(accepted);
      if (plain == "true") gold = "yes";
      if (plain == "false") gold = "no";
      any = any || !gold.empty();
      if (!gold.empty() && gold == stated) return 1.0;
    }
    if (!any) return std::nullopt;
    return 0.0;
  }

 private:
  static std::string first_yes_or_no(std::string_view text) {
    for (const std::string& word : words_of(text)) {
      if (word == "yes" || word == "no") return word;
    }
    return "";
  }
};

}  // namespace

std::string normalized_answer(std::string_view text) {
  std::string with_articles, without;
  for (const std::string& word : words_of(text)) {
    with_articles += (with_articles.empty() ? "" : " ") + word;
    if (!is_article(word)) without += (without.empty() ? "" : " ") + word;
  }
  return without.empty() ? with_articles : without;  // an answer "A" is an answer
}

std::optional<double> last_number(std::string_view text) {
  std::optional<double> last;
  for (size_t i = 0; i < text.size();) {
    if (!is_digit(text[i]) && !(text[i] == '.' && i + 1 < text.size() && is_digit(text[i + 1]))) {
      ++i;
      continue;
    }
    // A minus sign counts unless it joins two words or numbers ("10-12", "COVID-19"); currency may stand between sign and number.
    size_t sign_at = i;
    while (sign_at > 0 && (text[sign_at - 1] == '$' || text[sign_at - 1] == ' ')) --sign_at;
    bool negative = false;
    if (sign_at > 0 && (text[sign_at - 1] == '-') && (sign_at == i || text[sign_at] == '$')) {
      negative = sign_at < 2 || std::isalnum(static_cast<unsigned char>(text[sign_at - 2])) == 0;
    } else if (sign_at >= 3 && text.substr(sign_at - 3, 3) == "\xE2\x88\x92") {  // U+2212
      negative = true;
    }
    std::string digits;
    while (i < text.size()) {
      const bool next_is_digit = i + 1 < text.size() && is_digit(text[i + 1]);
      if (is_digit(text[i])) {
        digits += text[i++];
      } else if (text[i] == ',' && i + 3 < text.size() && is_digit(text[i + 1]) && is_digit(text[i + 2]) && is_digit(text[i + 3]) &&
                 (i + 4 >= text.size() || !is_digit(text[i + 4])) && digits.find('.') == std::string::npos) {
        ++i;  // thousands
      } else if (text[i] == '.' && next_is_digit && digits.find('.') == std::string::npos) {
        digits += text[i++];
      } else {
        break;
      }
    }
    last = (negative ? -1.0 : 1.0) * std::stod(digits);
  }
  return last;
}

std::vector<std::string> grader_names() { return {"alias_match", "numeric", "yes_no"}; }

std::unique_ptr<Grader> make_grader(const std::string& name) {
  if (name == "alias_match") return std::make_unique<AliasMatch>();
  if (name == "numeric") return std::make_unique<Numeric>();
  if (name == "yes_no") return std::make_unique<YesNo>();
  throw std::invalid_argument(fmt::format("grade.grader: expected one of {}, got {}", fmt::join(grader_names(), ", "), name));
}

}  // namespace candor
