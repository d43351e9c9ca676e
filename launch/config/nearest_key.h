// The valid key that somebody who typed another one most likely meant.
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

// The full path meant by `typed` in section `section` ("" = top): a key of that section, unless one
// elsewhere is nearer by two edits or more.
std::string nearest_key_path(const std::string& section, const std::string& typed);

}  // namespace candor::launch
