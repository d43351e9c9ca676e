// Progress with time left, on rank 0's stderr: one line rewritten in place on a terminal and cut to
// its width, else a line every few seconds.
//
// Usage:   Progress progress({.name = "train", .unit = "steps", .total = 400, .visible =
// group.rank() == 0});
//          progress.update(step, "loss 0.21");   progress.finish();
// The time left is by the rate since the start of *this* process, so a resumed run passes what was
// already there as `done_before`.
#pragma once

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <string>

namespace candor::launch {

struct ProgressOptions {
  std::string name;
  std::string unit;
  int64_t total = 0;
  int64_t done_before = 0;
  bool visible = true;
  double seconds_between_lines = 5;  // where stderr is no terminal; a terminal gets ten a second
  std::FILE* stream = stderr;
};

class Progress {
 public:
  explicit Progress(ProgressOptions options);

  // `note` stands at the line's end. Cheap to call for every unit.
  void update(int64_t done, const std::string& note = {});

  // For work whose size is known only once it runs.
  void set_total(int64_t total) { options_.total = total; }

  // One last line with the time taken.
  void finish(const std::string& note = {});

  // "train  120/400 steps  30%  2.1 steps/s  2m13s left  loss 0.21"
  static std::string line(const ProgressOptions& options, int64_t done, double elapsed_s,
                          const std::string& note);

 private:
  void print(const std::string& text, bool last);

  ProgressOptions options_;
  bool terminal_;
  std::chrono::steady_clock::time_point start_;
  std::chrono::steady_clock::time_point last_print_;
  std::size_t last_width_ = 0;
};

// "8s", "2m13s", "3h05m".
std::string format_duration(double seconds);

}  // namespace candor::launch
