#include "data_pipeline/prompt/prefix.h"

#include <algorithm>

namespace candor::data {

size_t common_prefix_length(std::span<const PrefixedSequence> sequences) {
  if (sequences.empty()) return 0;
  const std::span<const uint32_t> first = sequences.front().ids;
  size_t length = first.size();
  for (const PrefixedSequence& sequence : sequences) {
    const size_t rows = sequence.ids.size();
    const size_t limit = std::min(length, rows - std::min(rows, sequence.own_rows));
    size_t same = 0;
    while (same < limit && sequence.ids[same] == first[same]) ++same;
    length = same;
  }
  return length;
}

}  // namespace candor::data
