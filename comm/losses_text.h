// What everybody says of ranks that were lost: "lost rank 2; going on with 3 ranks".
#pragma once

#include <string>
#include <vector>

namespace candor::comm {

std::string losses_text(const std::vector<int>& lost, int ranks_left);

}  // namespace candor::comm
