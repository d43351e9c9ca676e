// What filters and methods do to a text, as Jinja and Python define it. Each spends the work that
// it causes on the template's budget where the text can be long.
#pragma once

#include <string>

#include "data_pipeline/chat/jinja_value.h"

namespace candor::data::jinja {

// Removes the characters of the argument `chars`, or white space, from the chosen ends.
std::string strip(const std::string& text, const Arguments& arguments, bool left, bool right);

// These four change ASCII letters only, which is all that the templates we know need.
std::string lower(std::string text);
std::string upper(std::string text);
std::string capitalize(std::string text);
std::string title(std::string text);

// Spends what looking for `part` costs where it nearly occurs everywhere.
void spend_search(const std::string& text, const std::string& part, Site site);
std::string replaced(const std::string& text, const std::string& from, const std::string& to,
                     Site site);
// Splits at the argument `sep`, or at white space without one, at most `maxsplit` times.
List split(const std::string& text, const Arguments& arguments, Site site);
// Puts `width` blanks in front of every line but the first; `first` and `blank` add the others.
std::string indented(const std::string& text, const Arguments& arguments, Site site);

}  // namespace candor::data::jinja
