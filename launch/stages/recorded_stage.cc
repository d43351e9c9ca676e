#include "launch/stages/recorded_stage.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <stdexcept>

#include "launch/context/writer_lock.h"
#include "launch/stages/stage_in_progress.h"

namespace candor::launch {
namespace {

bool are_there(const std::vector<std::string>& files) {
  return std::all_of(files.begin(), files.end(),
                     [](const std::string& file) { return std::filesystem::exists(file); });
}

// A training that pauses isn't finished, and a report on another adapter, or without one that is to
// be compared, isn't the run's.
bool is_whole(const Stage& stage, const CommandArguments& arguments) {
  return arguments.pause_at == 0 && arguments.adapter.empty() && are_there(stage.inputs) &&
         are_there(stage.outputs);
}

}  // namespace

Stage recorded_stage(const StageDeclaration& declared, const RunConfig& config,
                     RunContext& context) {
  Stage stage{.name = declared.name,
              .keys = key_text(config, declared),
              .inputs = declared.inputs(config),
              .outputs = declared.outputs(config),
              .nobody_edits = declared.nobody_edits,
              .people_edit = declared.people_edit,
              // A training does it by itself, once nothing can refuse it any more.
              .records_config = declared.name != "train"};
  if (declared.reads_model) {
    stage.model = context.model_identity(config);
    stage.model_texts = context.model_texts_identity(config);
  }
  return stage;
}

void refuse_to_replace(const std::string& stage, const std::string& file,
                       const std::string& why_it_runs) {
  throw std::invalid_argument(fmt::format(
      "{}: {} isn't as candor made it, so it may be a person's work, and {} would replace it{}. "
      "Move it away, or give --force to replace it; to go on from it as it is, remove \"{}\" from "
      "stages.json and give `candor run`",
      stage, file, stage, why_it_runs.empty() ? "" : " (because " + why_it_runs + ")", stage));
}

int run_recorded(const StageDeclaration& declared, const RunConfig& config, RunContext& context) {
  if (declared.outputs(config).empty()) return declared.run(config, context);
  const WriterLock lock(config.run.dir, declared.name, context);
  const Stage stage = recorded_stage(declared, config, context);
  const StageRecord record(config.run.dir);
  std::string in_the_way;
  if (context.group.rank() == 0 && !context.arguments.force)
    in_the_way = record.work_in_the_way(stage);
  context.group.broadcast_bytes(in_the_way, 0);
  if (!in_the_way.empty()) refuse_to_replace(stage.name, in_the_way, "");
  StageInProgress in_progress(record, config, stage, context);
  const int exit_code = declared.run(config, context);
  in_progress.end(is_whole(stage, context.arguments));
  return exit_code;
}

}  // namespace candor::launch
