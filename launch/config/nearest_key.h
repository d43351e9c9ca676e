// The nearest of some names by spelling, and the names of all keys.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace candor::launch {

// Levenshtein distance with a swap of neighbours as one edit (optimal string alignment), in bytes.
size_t edit_distance(std::string_view a, std::string_view b);

// The candidate with the smallest distance, the first of equals; empty for no candidates.
std::string nearest(std::string_view typed, const std::vector<std::string>& candidates);

// All keys as paths: "train.max_steps"; keys of records as "objective.loss".
std::vector<std::string> all_key_paths();

}  // namespace candor::launch
