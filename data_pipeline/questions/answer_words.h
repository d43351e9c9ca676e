// When two short answers are the same answer in other writing.
//
// Both are read as words of the folded text (folded_text.h). White space and punctuation separate
// words, and the articles a, an and the are left out unless nothing else is there. What follows is
// no punctuation, because it makes another answer:
//   a minus before a number; "+" or "#" (or a flat) right behind a word, and "-" behind one of at
//   most two characters (C++, F#, A-); the decimal point; "/", "^", "<", ">" and other signs of
//   mathematics at numbers.
// Thousands separators aren't there. A currency or per-cent sign may be missing on one side but not
// be another one. Initials may be written with dots, spaces or neither (U.K., U K, UK).
// Answers without any word ("!!!", emoji) are compared as they are.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace candor::data {

bool is_same_answer(std::string_view accepted, std::string_view response);

// The words of `text` with one space between them; articles only if there is nothing else.
std::string normalized_answer(std::string_view text);

// All words, articles included.
std::vector<std::string> words_of(std::string_view text);

}  // namespace candor::data
