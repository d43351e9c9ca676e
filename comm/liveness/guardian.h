// The guardian of a rank: a small process beside it that uses no MPI, tells others how its rank is,
// and ends its rank when nobody should wait for it any longer. A stopped process can't be shrunk
// away by MPI, which believes it alive; somebody on its host has to end it.
//
// It ends its rank, after saying why on stderr in one line, when the rank has shown no sign of life
// for heartbeat_s (but never while a debugger traces it), when a call that can't be given up is
// overdue, or when another rank of the job asks for it and the rank is still late.
// Where several ranks fail, it also knows which of them asked first whether it may say so.
// It goes away with its rank, and says so where the rank ended without meaning to: killed by
// somebody, or by the system for want of memory. Then
// the launcher (mpirun, or its daemon on this host) has to end the job, unless ranks may be lost;
// Open MPI 4's sometimes hangs when a rank dies while it connects, so it is ended after
// launcher_limit_s. It also waits for the daemon of a host that it can't reach any more when a rank
// ends the job.
#pragma once

#include <sys/types.h>

#include <string>

#include "comm/liveness/life_signs.h"

namespace candor::comm {

struct GuardianOptions {
  pid_t rank_process = 0, launcher = 0;
  const LifeSigns* signs = nullptr;  // shared with the rank
  int socket = -1;                   // UDP, bound
  char token[kTokenBytes] = {};
  double heartbeat_s = 60;  // 0: silence is never a reason
  double launcher_limit_s = 600;
  int rank = 0, world_size = 1;
  std::string host{};
};

// In the forked child; returns never.
[[noreturn]] void run_guardian(const GuardianOptions& options);

}  // namespace candor::comm
