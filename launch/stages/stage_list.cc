#include "launch/stages/stage_list.h"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

#include "launch/config/run_paths.h"
#include "launch/stages/answer_command.h"
#include "launch/stages/comparison.h"
#include "launch/stages/evaluate_command.h"
#include "launch/stages/grade_command.h"
#include "launch/stages/prepare_command.h"
#include "launch/stages/score_command.h"
#include "launch/stages/train_command.h"

namespace candor::launch {
namespace {

using Files = std::vector<std::string>;

RunPaths paths_of(const RunConfig& config) { return RunPaths(config.run.dir); }

// Where the model lies, and where its weights are mapped from.
const KeyList kModelPlace = {"model.path", "model.gguf", "model.shared_weights"};
// What its numbers depend on beside the weights.
const KeyList kModelNumbers = {"model.dtype", "model.products", "model.device"};

KeyList joined(std::initializer_list<KeyList> lists) {
  KeyList all;
  for (const KeyList& list : lists) all.insert(all.end(), list.begin(), list.end());
  return all;
}

Files scored_files(const RunConfig& config) {
  Files files = {paths_of(config).tokens(), paths_of(config).graded(),
                 paths_of(config).adapter_weights(), paths_of(config).adapter_config()};
  for (const ComparedAdapter& compared : compared_adapters(config)) {
    files.push_back(compared.paths.adapter_weights());
    files.push_back(compared.paths.adapter_config());
  }
  return files;
}

StageDeclaration answer_stage() {
  return {.name = "answer",
          .purpose = "Let the base model answer every question; goes on where a killed one was",
          .result_keys = joined({kModelNumbers,
                                 {"data.max_train", "data.max_validation", "data.max_test",
                                  "prompt", "answer", "prepare"}}),
          .other_keys = joined({kModelPlace, {"run.dir", "data.questions"}}),
          .file_keys = {"data.questions"},
          .reads_model = true,
          .inputs = [](const RunConfig& config) { return Files{config.data.questions}; },
          .outputs = [](const RunConfig& config) { return Files{paths_of(config).answers()}; },
          .people_edit = true,
          .run = answer_command};
}

StageDeclaration grade_stage() {
  return {.name = "grade",
          .purpose = "Compare the answers with the accepted ones",
          .version = 2,
          .result_keys = {"grade", "prompt.marker"},
          .other_keys = {"run.dir"},
          .inputs = [](const RunConfig& config) { return Files{paths_of(config).answers()}; },
          .outputs = [](const RunConfig& config) { return Files{paths_of(config).graded()}; },
          .people_edit = true,
          .run = grade_command};
}

StageDeclaration prepare_stage() {
  return {.name = "prepare",
          .purpose = "Make token files: chat template, tokenizer, confidence tokens",
          .result_keys = {"prompt", "prepare"},
          .other_keys = {"run.dir", "model"},
          .reads_model = true,
          .inputs = [](const RunConfig& config) { return Files{paths_of(config).graded()}; },
          .outputs = [](const RunConfig& config) { return Files{paths_of(config).tokens()}; },
          .nobody_edits = true,
          .run = prepare_command};
}

StageDeclaration train_stage() {
  return {
      .name = "train",
      .purpose = "Fit the adapter",
      .version = 2,
      // Validation chooses the checkpoint that becomes the adapter, so how often and on what it is
      // made belongs here; prompt and questions are in tokens.h5.
      .result_keys = joined({kModelNumbers,
                             {"run.seed",
                              "run.threads_per_rank",
                              "lora",
                              "objective",
                              "objective_lm_weight",
                              "train.max_steps",
                              "train.epochs",
                              "train.global_batch_examples",
                              "train.micro_batch_examples",
                              "train.learning_rate",
                              "train.schedule",
                              "train.warmup_steps",
                              "train.step_gamma",
                              "train.weight_decay",
                              "train.beta1",
                              "train.beta2",
                              "train.epsilon",
                              "train.clip_norm",
                              "train.validate_every",
                              "train.validation_examples",
                              "train.drop_never_right",
                              "train.share_prefix",
                              "train.frozen_trunk",
                              "train.on_non_finite",
                              "train.gradient_sum",
                              "evaluate.batch_examples"}}),
      .other_keys = joined({kModelPlace,
                            {"run.dir", "prompt", "train.checkpoint_every",
                             "train.keep_checkpoints", "train.verify_every", "train.trunk_dir"}}),
      .reads_model = true,
      .inputs = [](const RunConfig& config) { return Files{paths_of(config).tokens()}; },
      .outputs =
          [](const RunConfig& config) {
            return Files{paths_of(config).adapter_weights(), paths_of(config).adapter_config()};
          },
      .nobody_edits = true,
      .run = train_command};
}

StageDeclaration evaluate_stage() {
  return {.name = "evaluate",
          .purpose = "Score the test questions before and after, and write the report",
          .result_keys =
              joined({kModelNumbers,
                      {"prompt", "train.share_prefix", "train.drop_never_right",
                       "train.frozen_trunk", "evaluate", "compare_objectives", "compare_alora"}}),
          .other_keys = joined({kModelPlace, {"run.dir", "run.threads_per_rank"}}),
          .reads_model = true,
          .inputs = scored_files,
          .outputs =
              [](const RunConfig& config) {
                return Files{paths_of(config).report_json(), paths_of(config).report_html()};
              },
          .run = evaluate_command};
}

StageDeclaration score_stage() {
  return {.name = "score",
          .purpose =
              "Confidences for questions and responses of any model; goes on where a killed one "
              "was",
          .result_keys = joined(
              {kModelNumbers,
               {"prompt", "prepare.max_tokens", "train.share_prefix", "evaluate.batch_examples"}}),
          .other_keys = joined({kModelPlace, {"run.dir"}}),
          .reads_model = true,
          .inputs =
              [](const RunConfig& config) {
                return Files{paths_of(config).adapter_weights(), paths_of(config).adapter_config()};
              },
          .outputs = [](const RunConfig&) { return Files{}; },  // --output
          .run = score_command};
}

}  // namespace

const std::vector<StageDeclaration>& stage_list() {
  static const std::vector<StageDeclaration> list = {answer_stage(),   grade_stage(),
                                                     prepare_stage(),  train_stage(),
                                                     evaluate_stage(), score_stage()};
  return list;
}

const StageDeclaration& stage_named(const std::string& name) {
  const auto found = std::find_if(stage_list().begin(), stage_list().end(),
                                  [&](const StageDeclaration& s) { return s.name == name; });
  if (found == stage_list().end()) throw std::logic_error("no stage is called " + name);
  return *found;
}

std::string key_text(const RunConfig& config, const StageDeclaration& stage) {
  RunConfig part = only_keys(config, stage.result_keys);
  part.run.dir = part.model.path = "-";
  // Which questions are answered depends on the limit only where the longer ones are left out.
  if (stage.name == "answer" && !part.prepare.leave_out_too_long)
    part.prepare.max_tokens = PrepareSection{}.max_tokens;
  if (covers(stage.file_keys, "data.questions")) part.data.questions = "-";
  std::string text = fmt::format("{} {}\n", stage.name, stage.version);
  for (const auto& [key, value] : key_values(part, stage.result_keys)) {
    text += key;
    text += ": " + value + "\n";
  }
  return text;
}

}  // namespace candor::launch
