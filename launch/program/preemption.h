// The signals by which batch systems (SIGTERM, SIGUSR1) and terminals (SIGINT, SIGHUP, SIGQUIT) say
// that a process has to go: a training saves and stops at the end of its step, all ranks together;
// any other stage ends at once, because it goes on from what it has written anyway. Either way the
// exit code is kExitPreempted. One that was ignored when the process started stays so (nohup).
//
// Usage:   block_stop_signals();   // before any thread is there, so that all threads leave the
// signals to the watch
//          PreemptionWatch watch(stop_request, rank);
// But for SIGUSR1, a signal is often followed by SIGKILL within seconds, so a training then saves
// its last whole step at once, also where SIGUSR1 came before (a batch system whose time limit is
// over). Any other second signal ends the process.
#pragma once

#include <functional>
#include <thread>
#include <vector>

#include "trainer/training/stop_request.h"

namespace candor::launch {

// Those of them that aren't ignored.
std::vector<int> stop_signals();

void block_stop_signals();

class PreemptionWatch {
 public:
  // rank: as launched; each says that it ends, rank 0 that a training will stop. before_end: called
  // before the process is ended, or might be by whoever sent the signal.
  PreemptionWatch(trainer::StopRequest& stop, int rank, std::function<void()> before_end);
  ~PreemptionWatch();
  PreemptionWatch(const PreemptionWatch&) = delete;
  PreemptionWatch& operator=(const PreemptionWatch&) = delete;

 private:
  std::jthread thread_;
};

}  // namespace candor::launch
