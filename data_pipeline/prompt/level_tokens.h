// Finds the token ids of the confidence levels "0".."N" from the tokenizer itself. Ids are never
// assumed: a space is one id in one vocabulary and another in the next, and a tokenizer that splits
// digits has no token "87".
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "data_pipeline/tokenizer/tokenizer.h"

namespace candor::data {

// Returns the ids of "0".."scale" as said right after `context`, a text that ends with the marker;
// element i is level i.
// Throws std::invalid_argument if scale isn't in 1..100, or if encode(context + level) isn't
// encode(context) plus one id, or if two levels share an id.
std::vector<uint32_t> find_level_tokens(const Tokenizer& tokenizer, std::string_view context,
                                        int scale);

// i / scale for i in 0..scale.
std::vector<double> level_value_grid(int scale);

}  // namespace candor::data
