// A training of a sweep under way, in an mpirun of its own (trial_job.h) or on ranks that stay
// (trial_pool.h).
#pragma once

#include <optional>
#include <string>

namespace candor::launch {

class TrialRun {
 public:
  TrialRun() = default;
  virtual ~TrialRun() = default;
  TrialRun(const TrialRun&) = delete;
  TrialRun& operator=(const TrialRun&) = delete;

  // The exit code once it is over (128 + signal where a signal ended it); doesn't wait.
  virtual std::optional<int> poll() = 0;
  // Asks it to save and end; poll() says when it has.
  virtual void end() = 0;
  // After poll() gave a code: it ended only because another training beside it did.
  virtual bool blameless() const { return false; }
  // After poll() gave a code: why, where that isn't in its own log; "" if nothing is known.
  virtual std::string last_words() const { return ""; }
};

}  // namespace candor::launch
