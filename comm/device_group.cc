#include "comm/device_group.h"

#include <cstdlib>
#include <string_view>

namespace candor::comm {

bool ranks_share_gpus() {
  const char* const shared = std::getenv("CANDOR_SHARE_GPUS");
  return shared != nullptr && std::string_view(shared) == "1";
}

int gpu_of(const RankInfo& rank_info) {
  const int gpus = visible_gpus();
  if (rank_info.local_rank < gpus) return rank_info.local_rank;
  return gpus > 0 && ranks_share_gpus() ? rank_info.local_rank % gpus : -1;
}

}  // namespace candor::comm
