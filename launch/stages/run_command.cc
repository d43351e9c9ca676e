#include "launch/stages/run_command.h"

#include <fmt/format.h>

#include <filesystem>
#include <string>
#include <vector>

#include "data_pipeline/files/sha256.h"
#include "launch/config/run_paths.h"
#include "launch/context/writer_lock.h"
#include "launch/stages/comparison.h"
#include "launch/stages/evaluation_splits.h"
#include "launch/stages/kept_beside.h"
#include "launch/stages/question_checks.h"
#include "launch/stages/recorded_stage.h"
#include "launch/stages/stage_in_progress.h"
#include "launch/stages/train_command.h"
#include "launch/stages/training_identity.h"

namespace candor::launch {
namespace {

// Checkpoints of another config or data set can't be gone on from, but they may be hours of work:
// they are kept beside.
void set_aside_checkpoints_of_another_training(const RunConfig& config, const RunPaths& output,
                                               const std::string& identity) {
  const std::string theirs = identity_of_checkpoints(output.checkpoints());
  if (theirs.empty() || theirs == identity) return;
  fmt::print(stderr, "run  {} are of another training ({}): they are kept as {}\n",
             output.checkpoints(), training_difference(config, output),
             keep_beside(output.checkpoints()));
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
        stages.push_back(recorded_stage(declared, config_, context_));
        stages.back().run = [&] { declared.run(config_, context_); };
      }
    }
    return stages;
  }

 private:
  Stage training(const std::string& name, const RunConfig& trained, const RunPaths& output) {
    Stage made = recorded_stage(stage_named("train"), trained, context_);
    made.name = name;
    made.outputs = {output.adapter_weights(), output.adapter_config()};
    made.run = [this, name, trained, output] {
      if (context_.group.rank() == 0) {
        const std::string tokens = RunPaths(trained.run.dir).tokens();
        const data::TokenData data = data::read_token_file(tokens);
        check_evaluation_splits(data, trained.evaluate);
        check_training_length(trained, data);
        set_aside_checkpoints_of_another_training(
            trained, output,
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

// What rank 0 decides of a stage, for all.
struct Order {
  bool runs = false;
  std::string refused_stage{};
  std::string refused_for{};  // a file that a person edited
  std::string why{};          // it runs, or would
};

class Decider {
 public:
  Decider(const StageRecord& record, bool force) : record_(record), force_(force) {}

  // `next` may be null.
  Order order(const Stage& stage, const Stage* next) const {
    const Decision decision = decision_of(stage);
    if (decision.verdict == Verdict::kSkip)
      return said(stage, "skipped, its inputs and its part of the config haven't changed");
    if (decision.verdict == Verdict::kKeep) {
      return said(stage, fmt::format("kept, because {} is there and `candor run` didn't make it "
                                     "(--force replaces it)",
                                     record_.work_in_the_way(stage)));
    }
    if (next != nullptr && next->people_edit && decision_of(*next).verdict == Verdict::kKeep)
      return said(stage, fmt::format("not needed, because {} is kept", next->outputs[0]));
    if (decision.verdict == Verdict::kRefuse) return refused(stage, decision.reason);
    // What this stage makes is read by the next, which would replace a person's work then: that is
    // told before hours of answering.
    if (next != nullptr && !force_ && !record_.work_in_the_way(*next).empty())
      return refused(*next, fmt::format("{} has to run: {}", stage.name, decision.reason));
    said(stage, "running, because " + decision.reason);
    return {.runs = true, .why = decision.reason};
  }

 private:
  Decision decision_of(const Stage& stage) const {
    Decision decision = record_.decide(stage);
    if (force_ && decision.verdict != Verdict::kSkip) decision.verdict = Verdict::kRun;
    return decision;
  }

  Order refused(const Stage& stage, const std::string& why) const {
    return {.refused_stage = stage.name, .refused_for = record_.work_in_the_way(stage), .why = why};
  }

  static Order said(const Stage& stage, const std::string& what) {
    fmt::print(stderr, "run  {}: {}\n", stage.name, what);
    return {};
  }

  const StageRecord& record_;
  bool force_;
};

}  // namespace

int run_command(const RunConfig& config, RunContext& context) {
  comm::ProcessGroup& group = context.group;
  const RunPaths paths(config.run.dir);
  const WriterLock lock(config.run.dir, "run", context);
  context.model_identity(config);
  const StageRecord record(config.run.dir);
  Line line(config, context);
  const std::vector<Stage> stages = line.stages();
  for (size_t i = 0; i < stages.size(); ++i) {
    Order order;
    if (group.rank() == 0) {
      order = Decider(record, context.arguments.force)
                  .order(stages[i], i + 1 < stages.size() ? &stages[i + 1] : nullptr);
      if (order.runs && stages[i].name == "answer") check_questions_of_run(config);
    }
    std::string runs = order.runs ? "yes" : "";
    group.broadcast_bytes(runs, 0);
    group.broadcast_bytes(order.refused_stage, 0);
    group.broadcast_bytes(order.refused_for, 0);
    group.broadcast_bytes(order.why, 0);
    if (!order.refused_for.empty())
      refuse_to_replace(order.refused_stage, order.refused_for, order.why);
    if (runs.empty()) continue;
    StageInProgress in_progress(record, config, stages[i], context);
    stages[i].run();
    in_progress.end();
    group.barrier();
  }
  if (group.rank() == 0)
    fmt::print("report: {}\nadapter: {}\n", paths.report_html(), paths.adapter());
  return 0;
}

}  // namespace candor::launch
