#include "data_pipeline/questions/stated_confidence.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <regex>
#include <stdexcept>

#include "data_pipeline/questions/response.h"

namespace candor::data {
namespace {

constexpr std::string_view kSentenceEnds = ".!?\n";

bool is_letter_byte(char c) {
  return std::isalpha(static_cast<unsigned char>(c)) != 0 || (static_cast<unsigned char>(c) & 0x80);
}

// Of a text in lower case. Nothing in them repeats without a bound: std::regex recurses.
const std::regex& said_pattern() {
  static const std::string number = "([0-9]{1,3}(?:[.,][0-9]{1,6})?",
                           percent = " {0,2}(?:%|percent\\b|per cent\\b)",
                           about =
                               "(?:(?:about|around|only|roughly|approximately|nearly|almost|at "
                               "least|over|quite) ){0,2}",
                           subject =
                               "(?:i am|i(?:'|\xE2\x80\x99)m|im|i feel|we are|we(?:'|\xE2\x80\x99)"
                               "re|with|with a)",
                           object =
                               "(?: (?:that|of (?:this|that|it)|in (?:this|that|it|(?:my|this|the) "
                               "answer)))?";
  static const std::regex pattern(
      "(?:(" + subject + ") )?" + about + number + percent +
      ")[- ](?:sure|certain|confident|confidence|certainty)\\b" + object +
      "(?! (?:interval|level|limit|band|region))|(?:((?:my|with|with a) )|(?:overall )?)"
      "(?:confidence|certainty)(?: (?:level|score|rating))?(?: in (?:this|my|the) answer)?"
      "(?: is| of|:| =| -) {0,2}" +
      about + number + "(?:" + percent + "| ?/ ?100?\\b| out of 100?\\b)?)");
  return pattern;
}

bool may_say_one(std::string_view lower) {
  return lower.find_first_of("0123456789") != std::string_view::npos &&
         (lower.find("sure") != std::string_view::npos ||
          lower.find("certain") != std::string_view::npos ||
          lower.find("confiden") != std::string_view::npos);
}

struct Range {
  size_t begin = 0, end = 0;
};

char last_visible(std::string_view text) {
  const size_t i = text.find_last_not_of(" \t\r");
  return i == std::string_view::npos ? '\n' : text[i];
}

// Takes `range` out of `text` with the brackets around it. Behind a finished sentence, and where
// nothing stands before, the range's own full stop goes too, else the comma or dash before it.
void take_out(std::string& text, Range range) {
  const auto grow_over_space = [&] {
    while (range.begin > 0 && (text[range.begin - 1] == ' ' || text[range.begin - 1] == '\t'))
      --range.begin;
  };
  grow_over_space();
  const char open = range.begin > 0 ? text[range.begin - 1] : '\0';
  if (open == '(' || open == '[') {
    --range.begin;
    if (range.end < text.size() && text[range.end] == (open == '(' ? ')' : ']')) ++range.end;
    grow_over_space();
  }
  const std::string_view before = std::string_view(text).substr(0, range.begin);
  if (kSentenceEnds.find(last_visible(before)) != std::string_view::npos) {
    while (range.end < text.size() &&
           std::string_view(".,;:!").find(text[range.end]) != std::string_view::npos)
      ++range.end;
  } else {
    for (const std::string_view joint : {",", ";", "-", "\xE2\x80\x93", "\xE2\x80\x94"}) {
      if (!before.ends_with(joint)) continue;
      range.begin -= joint.size();
      break;
    }
    grow_over_space();
  }
  const bool at_line_begin = range.begin == 0 || text[range.begin - 1] == '\n';
  while (at_line_begin && range.end < text.size() && text[range.end] == ' ') ++range.end;
  text.erase(range.begin, range.end - range.begin);
}

// Whether a statement without a subject of its own begins there: at the begin of a sentence, behind
// a comma, a dash or a bracket.
bool may_begin_a_statement(std::string_view before) {
  const char last = last_visible(before);
  return std::string_view(".!?\n,;:([-*").find(last) != std::string_view::npos ||
         before.ends_with("\xE2\x80\x93 ") || before.ends_with("\xE2\x80\x94 ") ||
         before.ends_with("\xE2\x80\x93") || before.ends_with("\xE2\x80\x94");
}

// The words at `at` that no letter continues; npos if there are none.
size_t find_words(std::string_view lower, std::string_view words) {
  if (words.empty()) return std::string_view::npos;
  for (size_t at = 0; (at = lower.find(words, at)) != std::string_view::npos; ++at) {
    if (at == 0 || !is_letter_byte(lower[at - 1]) || !is_letter_byte(words.front())) return at;
  }
  return std::string_view::npos;
}

// The first statement behind words, out to the end of its line.
bool cut_labelled(std::string& text, const std::string& marker_words, std::string& stated) {
  const StatedWords words = find_stated_words(text, marker_words, find_words);
  if (!words.is_there()) return false;
  const size_t line_end = std::min(text.find('\n', words.end), text.size());
  std::string_view said = stripped(std::string_view(text).substr(words.end, line_end - words.end));
  size_t begin = words.begin;
  while (begin > 0 && (text[begin - 1] == '*' || text[begin - 1] == '_')) --begin;
  const size_t bracket = std::string_view(text).substr(0, begin).find_last_not_of(" \t");
  if (bracket != std::string::npos && (text[bracket] == '(' || text[bracket] == '[')) {
    begin = bracket;
    const char closing = text[bracket] == '(' ? ')' : ']';
    if (said.ends_with(closing)) said = stripped(said.substr(0, said.size() - 1));
  }
  said = said.substr(std::min(said.find_first_not_of("*_ "), said.size()));
  if (stated.empty()) stated = said;
  text.erase(begin, line_end - begin);
  return true;
}

bool has_words(std::string_view text) {
  return std::any_of(text.begin(), text.end(), is_letter_byte);
}

}  // namespace

CutResponse cut_said_confidence(std::string_view original) {
  CutResponse cut{.text = std::string(original)};
  for (size_t from = 0;;) {
    const std::string lower = lower_case(cut.text);
    if (!may_say_one(std::string_view(lower).substr(from))) return cut;
    std::smatch match;
    if (!std::regex_search(lower.begin() + static_cast<std::ptrdiff_t>(from), lower.end(), match,
                           said_pattern(),
                           from > 0 ? std::regex_constants::match_prev_avail
                                    : std::regex_constants::match_default))
      return cut;
    const size_t begin = from + static_cast<size_t>(match.position(0)),
                 end = begin + static_cast<size_t>(match.length(0));
    const std::string_view before = std::string_view(cut.text).substr(0, begin);
    const bool has_subject = match[1].matched || match[3].matched;
    const bool is_word = before.empty() || !is_letter_byte(before.back());
    if (!is_word || !(has_subject || may_begin_a_statement(before))) {
      from = begin + 1;
      continue;
    }
    const size_t number = match[2].matched ? 2 : 4;
    if (cut.stated.empty()) {
      cut.stated = cut.text.substr(from + static_cast<size_t>(match.position(number)),
                                   static_cast<size_t>(match.length(number)));
    }
    take_out(cut.text, {begin, end});
    from = 0;  // what is left may stand in a new line
  }
}

void cut_stated_confidence(AnsweredQuestion& record, std::string_view marker) {
  const std::string marker_words = lower_case(stripped(marker));
  std::string text = record.response, stated;
  while (cut_labelled(text, marker_words, stated)) {
  }
  CutResponse said = cut_said_confidence(text);
  if (stated.empty()) stated = said.stated;
  if (said.text == record.response) return;
  text = stripped(said.text);
  if (text.empty() && has_words(stated)) {
    throw std::invalid_argument(
        fmt::format("question \"{}\": its response says something only behind a stated confidence "
                    "(\"{}\"), where it isn't read; put the answer before it, and the confidence "
                    "into stated_confidence",
                    record.id, stated));
  }
  record.response = text;
  if (record.stated_confidence.empty()) record.stated_confidence = stated;
}

}  // namespace candor::data
