#include "data_pipeline/prompt/prefix.h"

#include <algorithm>

namespace candor::data {

size_t common_prefix_length(std::span<const PromptBuilder::Scored> examples) {
  if (examples.empty()) return 0;
  const std::vector<uint32_t>& first = examples.front().ids;
  size_t length = first.size();
  for (const PromptBuilder::Scored& example : examples) {
    // The row before the response and the last row are read, so both stay in the suffix.
    const size_t limit = std::min({length, example.ids.empty() ? 0 : example.ids.size() - 1,
                                   example.response_begin == 0 ? 0 : example.response_begin - 1});
    size_t same = 0;
    while (same < limit && example.ids[same] == first[same]) ++same;
    length = same;
  }
  return length;
}

}  // namespace candor::data
