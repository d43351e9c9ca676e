#include "launch/stages/run_command.h"

#include <fmt/format.h>

#include <filesystem>
#include <functional>
#include <vector>

#include "data_pipeline/files/sha256.h"
#include "launch/config/run_paths.h"
#include "launch/context/model_setup.h"
#include "launch/context/training_identity.h"
#include "launch/stages/answer_command.h"
#include "launch/stages/comparison.h"
#include "launch/stages/evaluate_command.h"
#include "launch/stages/evaluation_splits.h"
#include "launch/stages/grade_command.h"
#include "launch/stages/prepare_command.h"
#include "launch/stages/stage_record.h"
#include "launch/stages/train_command.h"
#include "trainer/training/checkpoint.h"

namespace candor::launch {
namespace {

// The config with only some sections kept: its text changes when one of their keys does.
std::string text_of(const RunConfig& config,
                    const std::function<void(RunConfig& only, const RunConfig& all)>& keep) {
  RunConfig only;
  only.run.dir = "-";
  only.model = config.model;
  only.model.path = "-";
  only.model.gguf = only.model.shared_weights = "";
  keep(only, config);
  return to_yaml(only);
}

// Checkpoints of another config or data set can't be gone on from. One whose state.json is damaged
// doesn't say whose it is: those before it do.
void remove_checkpoints_of_another_training(const std::string& checkpoints,
                                            const std::string& identity) {
  std::vector<int64_t> steps = trainer::checkpoint_steps(checkpoints);
  std::string theirs;
  for (; theirs.empty() && !steps.empty(); steps.pop_back())
    theirs = trainer::checkpoint_identity(checkpoints, steps.back());
  if (theirs.empty() || theirs == identity) return;
  fmt::print(stderr,
             "run  removing {}: made with another config, data set, number of threads or kind of "
             "processor\n",
             checkpoints);
  std::filesystem::remove_all(checkpoints);
}

}  // namespace

int run_command(const RunConfig& config, CommandContext& context) {
  comm::ProcessGroup& group = context.group;
  const RunPaths paths(config.run.dir);
  const std::string identity = agreed_model_identity(config.model, group, context.hosts);
  open_run_folder(config, group);

  std::vector<Stage> stages;
  stages.push_back({.name = "answer",
                    .keys = text_of(config,
                                    [](RunConfig& only, const RunConfig& all) {
                                      only.data = all.data;
                                      only.data.questions = "-";
                                      only.prompt = all.prompt;
                                      only.answer = all.answer;
                                    }),
                    .model = identity,
                    .inputs = {config.data.questions},
                    .outputs = {paths.answers()},
                    .run = [&] { answer_command(config, context); }});
  stages.push_back({.name = "grade",
                    .keys = text_of(config, [](RunConfig& only,
                                               const RunConfig& all) { only.grade = all.grade; }),
                    .inputs = {paths.answers()},
                    .outputs = {paths.graded()},
                    .run = [&] { grade_command(config, context); }});
  stages.push_back({.name = "prepare",
                    .keys = text_of(config,
                                    [](RunConfig& only, const RunConfig& all) {
                                      only.prompt = all.prompt;
                                      only.prepare = all.prepare;
                                    }),
                    .model = identity,
                    .inputs = {paths.graded()},
                    .outputs = {paths.tokens()},
                    .nobody_edits = true,
                    .run = [&] { prepare_command(config, context); }});
  const auto add_training = [&](const std::string& name, const RunConfig& trained,
                                const RunPaths& output) {
    stages.push_back(
        {.name = name,
         .keys = training_keys(trained),
         .model = identity,
         .inputs = {paths.tokens()},
         .outputs = {output.adapter_weights(), output.adapter_config()},
         .nobody_edits = true,
         .run = [&group, &hosts = context.hosts, stop = context.stop_request,
                 tokens = paths.tokens(), name, trained, output] {
           if (group.rank() == 0) {
             check_evaluation_splits(data::read_token_file(tokens), trained.evaluate);
             remove_checkpoints_of_another_training(
                 output.checkpoints(),
                 training_identity(trained, data::sha256_file_hex(tokens), group.device()));
           }
           group.barrier();
           train_adapter(trained,
                         {.name = name, .output = output, .resume = true, .stop_request = stop},
                         group, hosts);
         }});
  };
  add_training("train", config, paths);
  std::vector<std::string> scored = {paths.tokens(), paths.adapter_weights()};
  for (const Comparison& comparison : comparisons_of(config)) {
    add_training("compare " + comparison.name, comparison.config,
                 paths.comparison(comparison.name));
    scored.push_back(paths.comparison(comparison.name).adapter_weights());
  }
  stages.push_back({.name = "evaluate",
                    .keys = text_of(config,
                                    [](RunConfig& only, const RunConfig& all) {
                                      only.prompt = all.prompt;
                                      only.train.share_prefix = all.train.share_prefix;
                                      only.train.drop_never_right = all.train.drop_never_right;
                                      only.train.frozen_trunk = all.train.frozen_trunk;
                                      only.evaluate = all.evaluate;
                                      only.compare_objectives = all.compare_objectives;
                                      only.compare_alora = all.compare_alora;
                                    }),
                    .model = identity,
                    .inputs = scored,
                    .outputs = {paths.report_json(), paths.report_html()},
                    .run = [&] { evaluate_command(config, context); }});

  StageRecord record(config.run.dir + "/stages.json");
  for (const Stage& stage : stages) {
    std::string reason;
    if (group.rank() == 0) {
      reason = record.reason(stage);
      fmt::print(stderr, "run  {}: {}\n", stage.name,
                 reason.empty() ? "skipped, its inputs and its part of the config haven't changed"
                                : "running, because " + reason);
      if (!reason.empty()) record.started(stage);
    }
    group.broadcast_bytes(reason, 0);
    if (reason.empty()) continue;
    stage.run();
    if (group.rank() == 0) record.finished(stage);
    group.barrier();
  }
  if (group.rank() == 0)
    fmt::print("report: {}\nadapter: {}\n", paths.report_html(), paths.adapter());
  return 0;
}

}  // namespace candor::launch
