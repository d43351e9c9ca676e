// Where this process stands: among all ranks of a group, and among those on its own host.
#pragma once

namespace candor::comm {

struct RankInfo {
  int rank = 0;
  int world_size = 1;
  int local_rank = 0;  // among the group's ranks on this host
  int local_world_size = 1;
};

}  // namespace candor::comm
