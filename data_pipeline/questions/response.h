// What counts as the answer in what a model wrote, and what as the confidence it stated.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace candor::data {

// The text without the white space before and after it.
std::string_view stripped(std::string_view text);

// The answer alone: without white space around it, cut at the first line's end and before the
// marker (`prompt.marker`) or a "confidence:", in upper or lower case, so that no stated number
// reaches the text that is graded, trained on or scored.
std::string cut_response(std::string_view generated, std::string_view marker);

// The last "Confidence: NN" or "Confidence: NN%" of a text, decimals allowed, as a share of `scale`
// (100 with a % sign), in [0, 1]; none if there is none or the last one is larger.
std::optional<double> parse_stated_confidence(std::string_view text, int scale);

}  // namespace candor::data
