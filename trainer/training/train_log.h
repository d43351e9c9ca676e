// The lines of a training's steps (metrics_log.h), written by whichever rank is rank 0.
#pragma once

#include <memory>
#include <optional>

#include "trainer/training/metrics_log.h"
#include "trainer/training/train_context.h"

namespace candor::trainer {

class TrainLog {
 public:
  explicit TrainLog(const TrainContext& context) : context_(context) {}

  // This rank writes from now on, with the lines as they were after this step.
  void become_writer(int64_t step);

  // Every rank notes every step, because it may have to write its line later.
  void note(const StepRecord& record);

 private:
  const TrainContext& context_;
  std::unique_ptr<MetricsLog> log_;  // null on ranks that don't write
  std::optional<StepRecord> last_record_;
};

}  // namespace candor::trainer
