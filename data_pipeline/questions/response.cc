#include "data_pipeline/questions/response.h"

#include <algorithm>
#include <cctype>
#include <string>

#include "data_pipeline/questions/stated_confidence.h"

namespace candor::data {
namespace {

constexpr std::string_view kSpace = " \t\r\n\f\v";

std::string_view first_line(std::string_view text) { return text.substr(0, text.find('\n')); }

std::string_view without_space_before(std::string_view text) {
  return text.substr(std::min(text.find_first_not_of(kSpace), text.size()));
}

size_t find_anywhere(std::string_view lower, std::string_view words) {
  return words.empty() ? std::string_view::npos : lower.find(words);
}

// stated: what follows the words.
bool number_has_ended(std::string_view stated) {
  const size_t begin = stated.find_first_not_of(" \t");
  if (begin == std::string_view::npos) return false;
  const std::string_view number = stated.substr(begin);
  return number.find_first_not_of("0123456789") != std::string_view::npos || number.size() >= 3;
}

// Of a text in which no confidence is stated yet.
bool none_can_follow(std::string_view generated, const std::string& marker_words) {
  const std::string_view text = without_space_before(generated);
  const size_t line_end = text.find('\n');
  if (line_end == std::string_view::npos) return false;
  const std::string_view rest = text.substr(line_end + 1), begun = without_space_before(rest);
  const std::string_view between = rest.substr(0, rest.size() - begun.size());
  if (std::count(between.begin(), between.end(), '\n') > 1) return true;
  const std::string lower = lower_case(begun);
  return !kStatedWords.starts_with(lower) && !marker_words.starts_with(lower);
}

// "Paris (" before the words loses its bracket, and "8)" behind them the one that closes it.
void drop_brackets(std::string_view& answer, std::string_view& stated) {
  if (answer.empty() || (answer.back() != '(' && answer.back() != '[')) return;
  const char closing = answer.back() == '(' ? ')' : ']';
  answer = stripped(answer.substr(0, answer.size() - 1));
  if (!stated.empty() && stated.back() == closing)
    stated = stripped(stated.substr(0, stated.size() - 1));
}

std::string without_said_confidence(std::string_view answer) {
  CutResponse cut = cut_said_confidence(answer);
  return cut.stated.empty() ? cut.text : std::string(stripped(cut.text));
}

}  // namespace

std::string lower_case(std::string_view text) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return lower;
}

std::string_view stripped(std::string_view text) {
  const size_t begin = text.find_first_not_of(kSpace);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kSpace) - begin + 1);
}

StatedWords find_stated_words(std::string_view text, std::string_view marker_words,
                              FindWords find) {
  const std::string lower = lower_case(text);
  StatedWords first;
  for (const std::string_view words : {kStatedWords, marker_words}) {
    const size_t begin = find(lower, words);
    if (begin == std::string_view::npos || begin > first.begin) continue;
    const size_t end = begin + words.size();
    if (begin < first.begin || end > first.end) first = {begin, end};
  }
  return first;
}

bool answer_has_ended(std::string_view generated, std::string_view marker) {
  return find_stated_words(generated, lower_case(stripped(marker)), find_anywhere).is_there() ||
         without_space_before(generated).find('\n') != std::string_view::npos;
}

bool is_complete_response(std::string_view generated, std::string_view marker) {
  const std::string marker_words = lower_case(stripped(marker));
  const StatedWords statement = find_stated_words(generated, marker_words, find_anywhere);
  return statement.is_there() ? number_has_ended(generated.substr(statement.end))
                              : none_can_follow(generated, marker_words);
}

Response read_response(std::string_view generated, std::string_view marker) {
  const StatedWords statement =
      find_stated_words(generated, lower_case(stripped(marker)), find_anywhere);
  const std::string_view before = stripped(generated.substr(0, statement.begin));
  std::string_view answer = stripped(first_line(before)), stated;
  if (statement.is_there()) {
    stated = stripped(first_line(generated.substr(statement.end)));
    const bool on_the_answers_line = before.find('\n') == std::string_view::npos;
    if (on_the_answers_line) drop_brackets(answer, stated);
  }
  return {.answer = without_said_confidence(answer), .stated_confidence = std::string(stated)};
}

}  // namespace candor::data
