// The most operations a second that the ranks' matrix products reach, for a step's speed to be held
// against.
#pragma once

#include "comm/process_group.h"
#include "trainer/model/llama.h"

namespace candor::trainer {

class RanksPeak {
 public:
  // Collective. All ranks measure at once, as they compute when training.
  void measure(const LlamaModel& model, comm::ProcessGroup& group);

  // Collective. Sums over the ranks that are there now.
  void sum(comm::ProcessGroup& group);

  double per_second() const { return of_all_; }  // 0: not summed yet

  // The share to tell of one that a step reached. One above 1 shows that the peak was measured
  // beside other work: that step's rate is the peak then.
  double share_seen(double share);

 private:
  double mine_ = 0, of_all_ = 0;
};

}  // namespace candor::trainer
