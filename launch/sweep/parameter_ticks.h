// Where the values of a parameter stand on an axis from 0 to 1 (Parameter::position_of), and what
// is written there.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "launch/sweep/search_space.h"

namespace candor::launch {

// Every choice; of numbers a few round ones, at the powers of ten and their double and fivefold
// where the scale is logarithmic. In order. Choices are cut to about most_characters in all, with
// an ellipsis.
std::vector<std::pair<double, std::string>> ticks_of(const Parameter& parameter,
                                                     size_t most_characters);

}  // namespace candor::launch
