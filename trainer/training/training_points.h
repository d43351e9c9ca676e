// The points that a training can go on from: the last two in memory, for ranks that lost others,
// and checkpoints on the disk, for a later process.
//
// Collective: resume(), go_back() and store_before_stop(), on every rank. Threads: save_now() may
// be called from any; the rest from one.
// Throws std::system_error for the disk, std::invalid_argument and data::FileError for checkpoints
// that can't be used, CommError.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>

#include "trainer/training/checkpoint.h"
#include "trainer/training/checkpoint_writer.h"
#include "trainer/training/learner.h"
#include "trainer/training/train_context.h"

namespace candor::trainer {

class TrainingPoints {
 public:
  // Changes the learner in resume() and go_back() alone. Both must outlive this.
  TrainingPoints(const TrainContext& context, Learner& learner);

  // The learner goes on from the newest checkpoint that is whole, if there is one.
  void resume();

  // The learner as it is now is the newest point.
  void keep();

  // After ranks were lost: the learner goes back to the newest point that all ranks have.
  void go_back();

  // The newest point is also written to the disk, in the background, by the rank that writes.
  void checkpoint() { writer_.submit(newest_); }
  void save_now();  // the same from another thread, on rank 0
  void store_before_stop();

  // On rank 0, when it becomes that and at the end.
  void become_writer() { writer_.become_writer(); }
  void flush() { writer_.flush(); }
  // Throws where the best step's checkpoint is damaged.
  void write_best_adapter();

  int64_t written_step() const { return writer_.written_step(); }
  void written_elsewhere(int64_t step) { writer_.written_elsewhere(step); }

 private:
  std::shared_ptr<const TrainingSnapshot> snapshot_now() const;

  const TrainContext& context_;
  Learner& learner_;
  // After the last step that is done with all that belongs to it, and after the one before: another
  // rank may not have got further.
  std::shared_ptr<const TrainingSnapshot> newest_, previous_;
  std::mutex mutex_;  // save_now() reads newest_ on another thread
  CheckpointWriter writer_;
};

}  // namespace candor::trainer
