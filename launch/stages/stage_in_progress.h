// A stage between its start and its end, as stages.json is told of it. Until its first output is
// about to be replaced the record stays as it is, so a refused stage leaves no trace.
//
// Usage, on every rank:   StageInProgress in_progress(record, config, stage, context);
//                         ... do it ...   in_progress.end();
// While it lives it is context.outputs. Whichever rank is rank 0 at a time does it, also where
// another was at the start and is lost. As long as nothing is trained in the run folder
// its config.yaml is that of the stage; then it stays that of the training. Throws what StageRecord
// throws.
#pragma once

#include <optional>

#include "launch/context/run_context.h"
#include "launch/stages/stage_record.h"

namespace candor::launch {

class StageInProgress final : public OutputWatch {
 public:
  StageInProgress(const StageRecord& record, const RunConfig& config, const Stage& stage,
                  RunContext& context);
  ~StageInProgress() override;  // without end(): after an error
  StageInProgress(const StageInProgress&) = delete;
  StageInProgress& operator=(const StageInProgress&) = delete;

  // Without an error. whole: all of the stage is done.
  void end(bool whole = true);

  void begin_writing() override;
  void claim(const std::string& output, const std::string& temporary) override;

 private:
  const StageRecord& record_;
  const Stage& stage_;
  RunContext& context_;
  std::optional<WritingBegun> writing_{};
  bool ended_ = false;
};

}  // namespace candor::launch
