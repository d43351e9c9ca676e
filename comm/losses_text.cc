#include "comm/losses_text.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace candor::comm {

std::string losses_text(const std::vector<int>& lost, int ranks_left) {
  return fmt::format("lost {}; going on with {} rank{}",
                     lost.empty() ? "no rank" : fmt::format("rank {}", fmt::join(lost, ", rank ")),
                     ranks_left, ranks_left > 1 ? "s" : "");
}

}  // namespace candor::comm
