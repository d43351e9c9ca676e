#include "launch/stages/run_command.h"

#include <fmt/format.h>

#include <filesystem>
#include <string>
#include <vector>

#include "data_pipeline/files/sha256.h"
#include "launch/config/run_paths.h"
#include "launch/stages/comparison.h"
#include "launch/stages/evaluation_splits.h"
#include "launch/stages/stage_list.h"
#include "launch/stages/stage_record.h"
#include "launch/stages/train_command.h"
#include "launch/stages/training_identity.h"
#include "trainer/training/checkpoint.h"

namespace candor::launch {
namespace {

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

// Of the stages, in order, and of a training for each compared adapter.
class Line {
 public:
  Line(const RunConfig& config, RunContext& context) : config_(config), context_(context) {}

  std::vector<Stage> stages() {
    std::vector<Stage> stages;
    for (const StageDeclaration& declared : stage_list()) {
      if (declared.name == "score") continue;
      if (declared.name == "train") {
        stages.push_back(training("train", config_, RunPaths(config_.run.dir)));
        for (const ComparedAdapter& compared : compared_adapters(config_)) {
          stages.push_back(training("compare " + compared.name, training_config(config_, compared),
                                    compared.paths));
        }
      } else {
        stages.push_back(stage(declared, config_));
        stages.back().run = [&] { declared.run(config_, context_); };
      }
    }
    return stages;
  }

 private:
  Stage stage(const StageDeclaration& declared, const RunConfig& config) {
    Stage stage{.name = declared.name,
                .keys = key_text(config, declared),
                .inputs = declared.inputs(config),
                .outputs = declared.outputs(config),
                .nobody_edits = declared.nobody_edits};
    if (declared.reads_model) {
      stage.model = context_.model_identity(config);
      stage.model_texts = context_.model_texts_identity(config);
    }
    return stage;
  }

  Stage training(const std::string& name, const RunConfig& trained, const RunPaths& output) {
    Stage made = stage(stage_named("train"), trained);
    made.name = name;
    made.outputs = {output.adapter_weights(), output.adapter_config()};
    made.run = [this, name, trained, output] {
      if (context_.group.rank() == 0) {
        const std::string tokens = RunPaths(trained.run.dir).tokens();
        check_evaluation_splits(data::read_token_file(tokens), trained.evaluate);
        remove_checkpoints_of_another_training(
            output.checkpoints(),
            training_identity(trained, data::sha256_file_hex(tokens), context_.group.device()));
      }
      context_.group.barrier();
      train_adapter(trained, {.name = name, .output = output, .resume = true}, context_);
    };
    return made;
  }

  const RunConfig& config_;
  RunContext& context_;
};

}  // namespace

int run_command(const RunConfig& config, RunContext& context) {
  comm::ProcessGroup& group = context.group;
  const RunPaths paths(config.run.dir);
  context.model_identity(config);
  context.open_run_folder(config);
  StageRecord record(config.run.dir + "/stages.json");
  Line line(config, context);
  for (const Stage& stage : line.stages()) {
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
