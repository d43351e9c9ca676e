#include "data_pipeline/questions/grading.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <utf8proc.h>

#include <array>
#include <cctype>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <span>
#include <stdexcept>
#include <system_error>
#include <utility>
#include "data_pipeline/questions/response.h"

namespace candor::data {
namespace {

bool is_article(const std::string& word) { return word == "a" || word == "an" || word == "the"; }

// NFC, so that a letter and its accent equal the accented letter; text that isn't UTF-8 stays as it
// is.
std::string composed(std::string_view text) {
  utf8proc_uint8_t* mapped = nullptr;
  const utf8proc_ssize_t length =
      utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
                   static_cast<utf8proc_ssize_t>(text.size()), &mapped,
                   static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE));
  std::string result =
      length < 0 ? std::string(text)
                 : std::string(reinterpret_cast<const char*>(mapped), static_cast<size_t>(length));
  std::free(mapped);
  return result;
}

// Words of the normalised text, articles included.
std::vector<std::string> words_of(std::string_view original) {
  const std::string text = composed(original);
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
      case UTF8PROC_CATEGORY_LU:
      case UTF8PROC_CATEGORY_LL:
      case UTF8PROC_CATEGORY_LT:
      case UTF8PROC_CATEGORY_LM:
      case UTF8PROC_CATEGORY_LO:
      case UTF8PROC_CATEGORY_MN:
      case UTF8PROC_CATEGORY_MC:
      case UTF8PROC_CATEGORY_ME:
      case UTF8PROC_CATEGORY_ND:
      case UTF8PROC_CATEGORY_NL:
      case UTF8PROC_CATEGORY_NO: {
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

bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool starts_number(std::string_view text, size_t i) {
  return is_digit(text[i]) || (text[i] == '.' && i + 1 < text.size() && is_digit(text[i + 1]));
}

// Digits with thousands separators, decimals and an exponent from `i` on, which moves past them.
// NaN, equal to nothing, where a double can't hold it.
double read_unsigned(std::string_view text, size_t& i) {
  const auto digit_at = [&](size_t at) { return at < text.size() && is_digit(text[at]); };
  std::string digits;
  bool grouped = false, decimal = false;
  for (;; ++i) {
    if (digit_at(i)) {
      digits += text[i];
    } else if (i < text.size() && text[i] == ',' && !decimal && (grouped || digits.size() <= 3) &&
               digit_at(i + 1) && digit_at(i + 2) && digit_at(i + 3) && !digit_at(i + 4)) {
      grouped = true;
    } else if (i < text.size() && text[i] == '.' && !decimal && digit_at(i + 1)) {
      decimal = true;
      digits += '.';
    } else {
      break;
    }
  }
  if (i < text.size() && (text[i] == 'e' || text[i] == 'E')) {
    size_t end = i + 1;
    if (end < text.size() && (text[end] == '+' || text[end] == '-')) ++end;
    if (digit_at(end)) {
      while (digit_at(end)) ++end;
      std::string exponent(text.substr(i, end - i));
      if (exponent[1] == '+') exponent.erase(1, 1);
      digits += exponent;
      i = end;
    }
  }
  double value = 0;
  const auto read = std::from_chars(digits.data(), digits.data() + digits.size(),
                                    value);  // not strtod: the locale has no say
  return read.ec == std::errc() ? value : std::numeric_limits<double>::quiet_NaN();
}

constexpr std::array<std::string_view, 4> kCurrencies{"$", "\xE2\x82\xAC", "\xC2\xA3",
                                                      "\xC2\xA5"};  // dollar, euro, pound, yen
constexpr std::array<std::string_view, 2> kMinuses{"-", "\xE2\x88\x92"};  // hyphen-minus, U+2212

// Takes one of `endings` off the end of `text`.
bool drop_ending(std::string_view& text, std::span<const std::string_view> endings) {
  for (const std::string_view ending : endings) {
    if (text.size() >= ending.size() && text.substr(text.size() - ending.size()) == ending) {
      text.remove_suffix(ending.size());
      return true;
    }
  }
  return false;
}

// A minus stands right before the number or its currency sign. One that joins two words or numbers
// is no sign: "10-12", "$10-$12", "COVID-19".
bool is_negative(std::string_view text, size_t number_begin) {
  std::string_view before = text.substr(0, number_begin);
  drop_ending(before, kCurrencies);
  if (!drop_ending(before, kMinuses)) return false;
  if (before.empty() || drop_ending(before, kCurrencies)) return true;
  const auto previous = static_cast<unsigned char>(before.back());
  return previous < 0x80 && std::isalnum(previous) == 0 && previous != '%' && previous != ')';
}

// Without white space around it.
class AliasMatch final : public Grader {
 public:
  std::optional<double> grade(const AnsweredQuestion& answer) const override {
    const std::string response = normalized_answer(answer.response);
    for (const std::string& accepted : answer.answers) {
      const std::string normalized = normalized_answer(accepted);
      // An answer of punctuation only ("!!!") has no normalised form: it must be given as it is.
      if (normalized.empty()
              ? !stripped(accepted).empty() && stripped(accepted) == stripped(answer.response)
              : normalized == response)
        return 1.0;
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
      any = any || (gold && !std::isnan(*gold));
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
    if (!starts_number(text, i)) {
      ++i;
      continue;
    }
    const size_t begin = i;
    double value = read_unsigned(text, i);
    // "3/4" is a quotient, "3/4/2020" isn't.
    if (i + 1 < text.size() && text[i] == '/' && is_digit(text[i + 1]) &&
        (begin == 0 || text[begin - 1] != '/')) {
      size_t end = i + 1;
      const double divisor = read_unsigned(text, end);
      if (divisor != 0 && (end >= text.size() || text[end] != '/')) {
        value /= divisor;
        i = end;
      }
    }
    last = is_negative(text, begin) ? -value : value;
  }
  return last;
}

namespace {

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
