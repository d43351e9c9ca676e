// A point in time after which a wait gives up, and how to pause between two looks.
#pragma once

#include <algorithm>
#include <chrono>
#include <thread>

namespace candor::comm {

class Deadline {
 public:
  explicit Deadline(double timeout_s) : last_look_(Clock::now()), timeout_s_(timeout_s) {}

  // To be asked again and again. Of the time between two looks at most a second counts, so that a
  // job that was stopped and goes on (a suspended laptop, a batch system that makes room) doesn't
  // find its ranks late.
  bool passed() {
    const Clock::time_point now = Clock::now();
    elapsed_s_ += std::min(std::chrono::duration<double>(now - last_look_).count(), 1.0);
    last_look_ = now;
    return elapsed_s_ > timeout_s_;
  }
  double elapsed_s() const { return elapsed_s_; }  // as counted by passed()
  double timeout_s() const { return timeout_s_; }

 private:
  using Clock = std::chrono::steady_clock;
  Clock::time_point last_look_;
  double elapsed_s_ = 0;
  double timeout_s_;
};

// Yields for the first 2 ms, so that a short collective stays short, and sleeps after that, so that
// a waiting rank leaves the core to a computing one.
class PollPause {
 public:
  void operator()() {
    if (since_.passed()) {
      std::this_thread::sleep_for(std::chrono::microseconds(50));
    } else {
      std::this_thread::yield();
    }
  }

 private:
  Deadline since_{0.002};
};

}  // namespace candor::comm
