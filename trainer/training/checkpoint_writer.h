// Writes checkpoints in the background, so that a step doesn't wait for the disk, and loses none
// when the rank that writes is lost.
//
// Every rank submits the same points; one of them, the writer, puts them onto the disk on a thread
// of its own. The others keep a point until they hear that it is there, so that any of them can
// become the writer and write what its predecessor hadn't.
// Threads: submit() may be called from any; the rest from one. Errors of the disk are thrown by the
// next submit(), check() or flush() of the writer.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "trainer/training/checkpoint.h"

namespace candor::trainer {

struct CheckpointWriterOptions {
  std::string checkpoints{};
  int64_t keep = 3;                       // newest checkpoints that stay, beside the best
  std::function<void()> before_rename{};  // may throw, and the checkpoint doesn't appear
};

class CheckpointWriter {
 public:
  // layout: as in write_checkpoint.
  CheckpointWriter(CheckpointWriterOptions options, const LoraAdapter& layout);
  ~CheckpointWriter();  // what isn't written by then is dropped, but for the one being written
  CheckpointWriter(const CheckpointWriter&) = delete;
  CheckpointWriter& operator=(const CheckpointWriter&) = delete;

  // This rank writes from now on, beginning with what is kept. At most once.
  void become_writer();

  // Ignored unless its step is beyond those submitted before. On the writer, waits while two are
  // still to be written.
  void submit(std::shared_ptr<const TrainingSnapshot> snapshot);

  int64_t submitted_step() const;
  int64_t written_step() const;          // of the newest that this rank has written; 0: none
  void written_elsewhere(int64_t step);  // points up to this step needn't be kept
  void forget_after(
      int64_t step);  // the training went back to this step: later points will come again
  void flush();       // returns when all are written; only on the writer

 private:
  void write_all(const std::stop_token& stop);
  void rethrow() const;

  CheckpointWriterOptions options_;
  LoraAdapter layout_;
  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  std::deque<std::shared_ptr<const TrainingSnapshot>> pending_;
  int64_t submitted_step_ = 0, written_step_ = 0;
  bool is_writer_ = false;
  std::exception_ptr error_;
  std::jthread thread_;
};

}  // namespace candor::trainer
