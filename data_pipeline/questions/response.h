// What a model wrote, read as an answer and the confidence that it stated.
//
// The answer is the first line that has text, up to where a confidence is stated. One is stated
// where the marker's words (`prompt.marker`) or "confidence:" stand, in upper or lower case and
// with any white space around them, so that no stated number reaches the text that is graded,
// trained on or scored. The confidence is what follows them to the end of that line. White space
// around both is dropped, and so are brackets around the statement: "Paris (confidence: 90%)". A
// confidence that the answer's line says in a sentence ("I am 90% sure that") is cut from the
// answer as stated_confidence.h says, but isn't the stated one: nobody asked for it in this form.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace candor::data {

// The text without the white space before and after it.
std::string_view stripped(std::string_view text);

// Of ASCII letters; as long as the text.
std::string lower_case(std::string_view text);

// What a confidence is stated behind whatever the marker is, in lower case.
constexpr std::string_view kStatedWords = "confidence:";

// The words that a stated confidence comes after, as found in a text.
struct StatedWords {
  std::size_t begin = std::string_view::npos;  // npos: there are none
  std::size_t end = std::string_view::npos;
  bool is_there() const { return begin != std::string_view::npos; }
};

// The place of `words` in a text in lower case; npos where they aren't, and for no words.
using FindWords = std::size_t (*)(std::string_view lower, std::string_view words);

// The first of kStatedWords and the marker's words, both in lower case, by `find`; of two that
// begin at the same place the longer.
StatedWords find_stated_words(std::string_view text, std::string_view marker_words, FindWords find);

struct Response {
  std::string answer{};
  std::string stated_confidence{};  // empty where none was stated
};

Response read_response(std::string_view generated, std::string_view marker);

// Whether more tokens wouldn't change the answer: a confidence is stated behind it, or its line has
// ended. A confidence may still be to come.
bool answer_has_ended(std::string_view generated, std::string_view marker);

// Whether more tokens wouldn't matter: the stated number has ended or has three digits, or the
// answer's line has ended and what follows, behind at most one empty line, can't become a
// statement. It is asked after each token, so it reads no answer.
bool is_complete_response(std::string_view generated, std::string_view marker);

}  // namespace candor::data
