#include "trainer/training/train_log.h"

#include <fmt/format.h>

namespace candor::trainer {

void TrainLog::become_writer(int64_t step) {
  const TrainOutputs& outputs = context_.options.outputs;
  log_ = std::make_unique<MetricsLog>(outputs.metrics_path, outputs.events_dir, step);
  if (log_->last_step() + 1 < step) {
    context_.say(
        fmt::format("WARNING: {} is damaged: its lines of steps {}-{} are lost, which only the "
                    "training curve shows",
                    outputs.metrics_path, log_->last_step() + 1, step));
  }
  // The rank before this one may have been lost between the step and its line.
  if (last_record_ && last_record_->step == step && log_->last_step() < step)
    log_->write(*last_record_);
}

void TrainLog::note(const StepRecord& record) {
  last_record_ = record;
  if (log_) log_->write(record);
}

}  // namespace candor::trainer
