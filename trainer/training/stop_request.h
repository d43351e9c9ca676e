// A wish from outside that a training stop and keep its work: a batch system that takes the machine
// back.
//
// Usage:   somebody else's thread calls request(); the training looks at requested() after each
// step, all ranks together, saves and throws
//          PreemptedError.
// Threads: all members may be called from any.
#pragma once

#include <atomic>
#include <functional>
#include <mutex>
#include <stdexcept>

namespace candor::trainer {

// Stopped as asked, and everything is saved: the same command goes on.
class PreemptedError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

class StopRequest {
 public:
  // at_once: whoever asks may end the process before the step is done, so what is done by now is
  // saved first, on the calling thread.
  // False if nobody is there who would stop.
  bool request(bool at_once) {
    const std::lock_guard lock(mutex_);
    if (!save_now_) return false;
    requested_ = true;
    if (at_once) save_now_();
    return true;
  }

  bool requested() const { return requested_; }

  // While it lives, the training that owns it will stop on request. save_now is called from other
  // threads.
  class Listener {
   public:
    Listener(StopRequest* stop, std::function<void()> save_now) : stop_(stop) {
      if (stop_ == nullptr) return;
      const std::lock_guard lock(stop_->mutex_);
      stop_->save_now_ = std::move(save_now);
    }
    ~Listener() {
      if (stop_ == nullptr) return;
      const std::lock_guard lock(stop_->mutex_);
      stop_->save_now_ = nullptr;
    }
    Listener(const Listener&) = delete;
    Listener& operator=(const Listener&) = delete;

   private:
    StopRequest* stop_;
  };

 private:
  std::mutex mutex_;
  std::function<void()> save_now_;
  std::atomic<bool> requested_{false};
};

}  // namespace candor::trainer
