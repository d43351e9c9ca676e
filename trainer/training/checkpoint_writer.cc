#include "trainer/training/checkpoint_writer.h"

#include <algorithm>
#include <utility>

namespace candor::trainer {
namespace {

constexpr size_t kMostPending = 2;

}  // namespace

CheckpointWriter::CheckpointWriter(CheckpointWriterOptions options, const LoraAdapter& layout)
    : options_(std::move(options)), layout_(layout) {}

CheckpointWriter::~CheckpointWriter() {
  if (!thread_.joinable()) return;
  thread_.request_stop();
  changed_.notify_all();
  thread_.join();
}

void CheckpointWriter::become_writer() {
  const std::lock_guard lock(mutex_);
  if (is_writer_) return;
  is_writer_ = true;
  thread_ = std::jthread([this](const std::stop_token& stop) { write_all(stop); });
}

void CheckpointWriter::rethrow() const {
  if (error_) std::rethrow_exception(error_);
}

void CheckpointWriter::submit(std::shared_ptr<const TrainingSnapshot> snapshot) {
  std::unique_lock lock(mutex_);
  if (is_writer_) changed_.wait(lock, [&] { return error_ || pending_.size() < kMostPending; });
  rethrow();
  if (snapshot->state.step <= submitted_step_) return;
  submitted_step_ = snapshot->state.step;
  pending_.push_back(std::move(snapshot));
  changed_.notify_all();
}

int64_t CheckpointWriter::submitted_step() const {
  const std::lock_guard lock(mutex_);
  return submitted_step_;
}

int64_t CheckpointWriter::written_step() const {
  const std::lock_guard lock(mutex_);
  rethrow();
  return written_step_;
}

void CheckpointWriter::written_elsewhere(int64_t step) {
  const std::lock_guard lock(mutex_);
  if (is_writer_) return;
  std::erase_if(pending_, [&](const auto& snapshot) { return snapshot->state.step <= step; });
}

void CheckpointWriter::forget_after(int64_t step) {
  const std::lock_guard lock(mutex_);
  submitted_step_ = std::min(submitted_step_, step);
  if (!is_writer_)
    std::erase_if(pending_, [&](const auto& snapshot) { return snapshot->state.step > step; });
}

void CheckpointWriter::flush() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return error_ || pending_.empty(); });
  rethrow();
}

void CheckpointWriter::write_all(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  for (;;) {
    if (!changed_.wait(lock, stop, [&] { return !pending_.empty(); })) return;
    const std::shared_ptr<const TrainingSnapshot> snapshot = pending_.front();
    lock.unlock();
    std::exception_ptr error;
    try {
      write_checkpoint(options_.checkpoints, *snapshot, layout_, options_.before_rename);
      prune_checkpoints(options_.checkpoints, options_.keep, snapshot->state.best_step);
    } catch (...) {
      error = std::current_exception();
    }
    lock.lock();
    error_ = error;
    if (error_) pending_.clear();
    if (!error_) {
      written_step_ = std::max(written_step_, snapshot->state.step);
      pending_.pop_front();  // it stayed there, so that flush() waits for it
    }
    changed_.notify_all();
    if (error_) return;
  }
}

}  // namespace candor::trainer
