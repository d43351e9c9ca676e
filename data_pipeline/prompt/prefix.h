// The tokens that all sequences of a set begin with: computed once for all of them instead of once
// for each.
// The cut is made on token ids, after the whole text was tokenised, so it can't change what any
// sequence says.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace candor::data {

struct PrefixedSequence {
  std::span<const uint32_t> ids;
  size_t own_rows = 1;  // at its end, which are read and so stay out of the prefix
};

// Length of the longest common prefix that leaves each sequence its own rows; 0 for no sequences
// and where one has no more than its own rows.
size_t common_prefix_length(std::span<const PrefixedSequence> sequences);

}  // namespace candor::data
