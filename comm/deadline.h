// A point in time after which a wait gives up, and how to pause between two looks.
#pragma once

#include <chrono>
#include <thread>

namespace candor {

class Deadline {
 public:
  explicit Deadline(double timeout_s) : start_(Clock::now()), timeout_s_(timeout_s) {}

  bool passed() const { return elapsed_s() > timeout_s_; }
  double elapsed_s() const { return std::chrono::duration<double>(Clock::now() - start_).count(); }
  double timeout_s() const { return timeout_s_; }

 private:
  using Clock = std::chrono::steady_clock;
  Clock::time_point start_;
  double timeout_s_;
};

// Yields for the first 2 ms, so that a short collective stays short, and sleeps after that, so that a waiting rank leaves the core to a computing one.
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

}  // namespace candor
