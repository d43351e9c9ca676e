#include "launch/commands/run_command.h"

#include <fmt/format.h>

#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "data_pipeline/files/atomic_file.h"
#include "data_pipeline/files/jsonl.h"
#include "data_pipeline/files/read_file.h"
#include "data_pipeline/files/sha256.h"
#include "launch/commands/answer_command.h"
#include "launch/commands/evaluate_command.h"
#include "launch/commands/evaluation_splits.h"
#include "launch/commands/grade_command.h"
#include "launch/commands/model_setup.h"
#include "launch/commands/prepare_command.h"
#include "launch/commands/train_command.h"
#include "launch/config/run_paths.h"
#include "trainer/training/checkpoint.h"

namespace candor {
namespace {

namespace fs = std::filesystem;

// A stage is done if its outputs are there and it was last run with the same keys of the config and the same input files.
struct Stage {
  std::string name;
  std::string keys;                  // the part of the config that it reads, as text
  std::vector<std::string> inputs;   // files
  std::vector<std::string> outputs;  // files
  std::function<void()> run;
};

class StageRecord {
 public:
  explicit StageRecord(std::string path) : path_(std::move(path)) {
    if (fs::exists(path_)) record_ = parse_json(read_file(path_), path_);
    if (!record_.is_object()) throw std::invalid_argument(fmt::format("{}: expected an object of stages; remove the file to do all stages anew", path_));
  }

  // Why the stage has to run; empty if it hasn't.
  std::string reason(const Stage& stage) const {
    for (const std::string& output : stage.outputs) {
      if (!fs::exists(output)) return fmt::format("{} isn't there", output);
    }
    if (!record_.contains(stage.name)) return "it hasn't finished yet";
    const nlohmann::json& last = record_[stage.name];
    if (last.value("keys", "") != sha256_hex(stage.keys)) return "its part of the config changed";
    for (const std::string& input : stage.inputs) {
      if (last["inputs"].value(input, "") != sha256_file_hex(input)) return fmt::format("{} changed", input);
    }
    return "";
  }

  void started(const Stage& stage) {
    record_.erase(stage.name);
    save();
  }

  void finished(const Stage& stage) {
    nlohmann::json inputs = nlohmann::json::object();
    for (const std::string& input : stage.inputs) inputs[input] = sha256_file_hex(input);
    record_[stage.name] = {{"keys", sha256_hex(stage.keys)}, {"inputs", inputs}};
    save();
  }

 private:
  void save() const { write_file_atomically(path_, record_.dump(2) + "\n"); }

  std::string path_;
  nlohmann::json record_ = nlohmann::json::object();
};

// The config with only some sections kept: its text changes when one of their keys does.
std::string text_of(const RunConfig& config, const std::function<void(RunConfig& only, const RunConfig& all)>& keep) {
  RunConfig only;
  only.run.dir = "-";
  only.model = config.model;
  only.model.path = "-";
  only.model.gguf = "";
  keep(only, config);
  return to_yaml(only);
}

// Checkpoints of a run with other options can't be gone on from; the same options go on where they were.
void clear_checkpoints_of_another_run(const RunPaths& paths, const std::string& keys) {
  const std::string path = paths.dir + "/train.identity";
  const std::string wanted = sha256_hex(keys + sha256_file_hex(paths.tokens()));
  if (fs::exists(path) && read_file(path) == wanted) return;
  if (!checkpoint_steps(paths.checkpoints()).empty()) fmt::print(stderr, "run  train: removing the checkpoints of another config or data set\n");
  fs::remove_all(paths.checkpoints());
  write_file_atomically(path, wanted);
}

}  // namespace

int run_command(const RunConfig& config, CommandContext& context) {
  ProcessGroup& group = context.group;
  const RunPaths paths(config.run.dir);
  const std::string identity = agreed_model_identity(config.model, group) + "\n";
  open_run_folder(config, group);

  const std::string train_keys = identity + text_of(config, [](RunConfig& only, const RunConfig& all) {
    only.run.seed = all.run.seed;
    only.run.threads_per_rank = all.run.threads_per_rank;
    only.lora = all.lora;
    only.objective = all.objective;
    only.objective_lm_weight = all.objective_lm_weight;
    only.train = all.train;
    only.evaluate.batch_examples = all.evaluate.batch_examples;
  });
  std::vector<Stage> stages;
  stages.push_back({"answer", identity + text_of(config, [](RunConfig& only, const RunConfig& all) {
                      only.data = all.data;
                      only.data.questions = "-";
                      only.prompt = all.prompt;
                      only.answer = all.answer;
                    }),
                    {config.data.questions}, {paths.answers()}, [&] { answer_command(config, context); }});
  stages.push_back({"grade", text_of(config, [](RunConfig& only, const RunConfig& all) { only.grade = all.grade; }),
                    {paths.answers()}, {paths.graded()}, [&] { grade_command(config, context); }});
  stages.push_back({"prepare", identity + text_of(config, [](RunConfig& only, const RunConfig& all) {
                      only.prompt = all.prompt;
                      only.prepare = all.prepare;
                    }),
                    {paths.graded()}, {paths.tokens()}, [&] { prepare_command(config, context); }});
  stages.push_back({"train", train_keys, {paths.tokens()}, {paths.adapter() + "/adapter_model.safetensors"}, [&] {
                      if (group.rank() == 0) {
                        check_evaluation_splits(read_token_file(paths.tokens()), config.evaluate);
                        clear_checkpoints_of_another_run(paths, train_keys);
                      }
                      group.barrier();
                      CommandContext resuming{group, context.arguments};
                      resuming.arguments.resume = true;
                      train_command(config, resuming);
                    }});
  stages.push_back({"evaluate", identity + text_of(config, [](RunConfig& only, const RunConfig& all) {
                      only.prompt = all.prompt;
                      only.train.share_prefix = all.train.share_prefix;
                      only.evaluate = all.evaluate;
                    }),
                    {paths.tokens(), paths.adapter() + "/adapter_model.safetensors"}, {paths.report_json(), paths.report_html()},
                    [&] { evaluate_command(config, context); }});

  StageRecord record(config.run.dir + "/stages.json");
  for (const Stage& stage : stages) {
    std::string reason;
    if (group.rank() == 0) {
      reason = record.reason(stage);
      fmt::print(stderr, "run  {}: {}\n", stage.name, reason.empty() ? "skipped, its inputs and its part of the config haven't changed" : "running, because " + reason);
      if (!reason.empty()) record.started(stage);
    }
    group.broadcast_bytes(reason, 0);
    if (reason.empty()) continue;
    stage.run();
    if (group.rank() == 0) record.finished(stage);
    group.barrier();
  }
  if (group.rank() == 0) fmt::print("report: {}\nadapter: {}\n", paths.report_html(), paths.adapter());
  return 0;
}

}  // namespace candor
