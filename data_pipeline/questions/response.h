// What counts as the answer in what a model wrote.
#pragma once

#include <string>
#include <string_view>

namespace candor::data {

// The text without the white space before and after it.
std::string_view stripped(std::string_view text);

// The answer alone: without white space around it, cut at the first line's end and before the
// marker (`prompt.marker`) or a "confidence:", in upper or lower case, so that no stated number
// reaches the text that is graded, trained on or scored.
std::string cut_response(std::string_view generated, std::string_view marker);

}  // namespace candor::data
