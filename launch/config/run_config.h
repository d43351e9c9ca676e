// One run's options, read from one YAML file: each section of the file is a struct, each key a
// member.
//
// Usage:   RunConfig config = read_run_config("my.yaml", {"train.max_steps=20"});
// write_file_atomically(path, to_yaml(config));
// Reading is strict: an unknown or repeated key, a wrong type, a value out of range and keys that
// clash are each a std::invalid_argument that
// begins with file:line:column (or with the override) and says what was expected, what was found,
// and for a key which valid one is nearest.
// What a key means, its range and its choices stand in one place, config_fields.cc; `candor help
// config` prints them.
// Where a layer below has a struct for what a section says, the section is that struct, so that
// each default stands once; the layers below know no YAML.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "data_pipeline/prompt/prompt_options.h"
#include "launch/config/model_choices.h"
#include "trainer/evaluation/bootstrap.h"
#include "trainer/evaluation/scoring_batch.h"
#include "trainer/generation/answer_settings.h"
#include "trainer/model/lora_options.h"
#include "trainer/objectives/schedule.h"
#include "trainer/training/train_settings.h"

namespace candor::launch {

struct RunSection {
  std::string dir;
  int64_t seed = 42;
  // 0: as in the run's config.yaml, else OMP_NUM_THREADS, else 1; the number in use is put here
  // before a command sees it.
  int64_t threads_per_rank = 0;
  double timeout_s = 600;
  double heartbeat_s = 60;
  bool operator==(const RunSection&) const = default;
};

struct ModelSection {
  std::string path;
  std::string gguf;
  WeightsDtype dtype = WeightsDtype::kFp32;
  std::string shared_weights;
  // run_candor puts what auto chose, and the device in use, here before a command sees them.
  ProductsChoice products = ProductsChoice::kFp32;
  DeviceChoice device = DeviceChoice::kAuto;
  bool operator==(const ModelSection&) const = default;
};

struct DataSection {
  std::string questions;
  int64_t max_train = 0;  // 0: all
  int64_t max_validation = 0;
  int64_t max_test = 0;
  bool operator==(const DataSection&) const = default;
};

struct GradeSection {
  std::string grader = "alias_match";
  std::map<std::string, std::string> per_dataset;
  bool operator==(const GradeSection&) const = default;
};

struct PrepareSection {
  int64_t max_tokens = 2048;
  bool leave_out_too_long = false;
  bool operator==(const PrepareSection&) const = default;
};

struct EvaluateSection {
  int64_t batch_examples = trainer::kScoringBatchExamples;
  trainer::BootstrapOptions bootstrap;
  bool baselines = true;
  bool probe = true;
  bool operator==(const EvaluateSection&) const = default;
};

struct RunConfig {
  RunSection run;
  ModelSection model;
  DataSection data;
  data::PromptOptions prompt;
  trainer::AnswerSettings answer;
  GradeSection grade;
  PrepareSection prepare;
  trainer::LoraOptions lora;  // but for the marker's tokens, which follow from the prompt
  // Tokenized Brier alone collapses on small models; this doesn't (docs/design.md).
  std::vector<trainer::ObjectiveStage> objective = {
      {.loss = trainer::Loss::kSoftTarget, .until = 0.1},
      {.loss = trainer::Loss::kExpectationLogLoss, .until = 0.4, .ramp_to = 0.2},
      {.loss = trainer::Loss::kTokenizedBrier, .ramp_to = 0.6}};
  double objective_lm_weight = 0;
  std::vector<std::string> compare_objectives;  // losses
  bool compare_alora = false;
  // Exactly one of its max_steps and epochs is above 0 after reading; neither given: 2 epochs.
  trainer::TrainSettings train;
  std::string trunk_dir;  // train.trunk_dir; empty: run.dir
  EvaluateSection evaluate;
  bool operator==(const RunConfig&) const = default;
};

// `overrides` are "key.path=value" with a value in YAML, applied to the file's tree before it is
// read; the last of several for one key holds.
// Throws std::system_error if the file can't be read, std::invalid_argument as above.
RunConfig read_run_config(const std::string& path, const std::vector<std::string>& overrides = {});

// The same for text; `name` stands for the file in messages.
RunConfig parse_run_config(std::string_view text, const std::string& name,
                           const std::vector<std::string>& overrides = {});

// A config, and what its writer should be told though it can be read: one line each, which begins
// with its place.
struct RunConfigAndWarnings {
  RunConfig config;
  std::vector<std::string> warnings;
};
RunConfigAndWarnings read_run_config_and_warnings(const std::string& path,
                                                  const std::vector<std::string>& overrides = {});
RunConfigAndWarnings parse_run_config_and_warnings(std::string_view text, const std::string& name,
                                                   const std::vector<std::string>& overrides = {});

// The resolved config: every key, defaults included, in a fixed order; parse_run_config gives the
// same config back.
std::string to_yaml(const RunConfig& config);

// Every section and key with type, range or choices, default and meaning.
std::string describe_run_config();

}  // namespace candor::launch
