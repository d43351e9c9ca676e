#include "launch/stages/stage_in_progress.h"

#include <fmt/format.h>

#include <filesystem>

#include "data_pipeline/files/atomic_file.h"
#include "launch/config/run_paths.h"

namespace candor::launch {

namespace {

void write_config_before_training(const RunConfig& config) {
  const RunPaths paths(config.run.dir);
  if (std::filesystem::exists(paths.config()) &&
      (std::filesystem::exists(paths.checkpoints()) || std::filesystem::exists(paths.adapter())))
    return;
  data::write_file_atomically(paths.config(), to_yaml(config));
}

}  // namespace

StageInProgress::StageInProgress(const StageRecord& record, const RunConfig& config,
                                 const Stage& stage, RunContext& context)
    : record_(record), stage_(stage), context_(context) {
  if (context_.group.rank() == 0 && stage.records_config) write_config_before_training(config);
  context_.outputs = this;
}

StageInProgress::~StageInProgress() {
  context_.outputs = nullptr;
  if (writing_ && !ended_) record_.failed(stage_, *writing_);
}

void StageInProgress::begin_writing() {
  if (writing_) return;
  writing_ = record_.begin_writing(stage_);
  for (const std::string& line : writing_->said) fmt::print(stderr, "{}  {}\n", stage_.name, line);
}

void StageInProgress::claim(const std::string& output, const std::string& temporary) {
  begin_writing();
  record_.claim(stage_, output, temporary);
}

void StageInProgress::end(bool whole) {
  ended_ = true;
  if (context_.group.rank() != 0) return;
  if (whole) {
    record_.finished(stage_);
  } else if (writing_) {
    record_.ended_in_part(stage_);
  }
}

}  // namespace candor::launch
