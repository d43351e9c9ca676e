#include "data_pipeline/prompt/level_tokens.h"

#include <algorithm>
#include <map>
#include <stdexcept>
#include <string>

#include <fmt/format.h>

namespace candor::data {

std::vector<uint32_t> find_level_tokens(const Tokenizer& tokenizer, std::string_view context,
                                        int scale) {
  if (scale < 1 || scale > 100) {
    throw std::invalid_argument(
        fmt::format("prompt.scale: expected 1 to 100 (9 or 100 in practice), got {}", scale));
  }
  const std::vector<uint32_t> before = tokenizer.encode(context);
  std::vector<uint32_t> level_ids;
  std::map<uint32_t, int> level_of_id;
  for (int level = 0; level <= scale; ++level) {
    const std::vector<uint32_t> with_level =
        tokenizer.encode(std::string(context) + std::to_string(level));
    if (with_level.size() != before.size() + 1 ||
        !std::equal(before.begin(), before.end(), with_level.begin())) {
      throw std::invalid_argument(
          fmt::format("prompt.scale {}: level \"{}\" isn't one token of its own after the marker "
                      "(\"marker+level\" has {} tokens, the marker alone {}); {}",
                      scale, level, with_level.size(), before.size(),
                      level > 9 ? "this tokenizer splits numbers: use scale 9"
                                : "choose a marker after which digits are single tokens, such as "
                                  "\"\\nConfidence: \""));
    }
    const auto [found, is_new] = level_of_id.emplace(with_level.back(), level);
    if (!is_new) {
      throw std::invalid_argument(
          fmt::format("prompt.scale {}: levels {} and {} are the same token {}; the tokenizer "
                      "can't tell them apart",
                      scale, found->second, level, found->first));
    }
    level_ids.push_back(with_level.back());
  }
  return level_ids;
}

std::vector<double> level_value_grid(int scale) {
  std::vector<double> values;
  for (int level = 0; level <= scale; ++level) values.push_back(static_cast<double>(level) / scale);
  return values;
}

}  // namespace candor::data
