// One run's options, read from one YAML file: each section of the file is a struct, each key a
// member of the same name.
//
// Usage:   RunConfig config = read_run_config("my.yaml", {"train.max_steps=20"});
// write_file_atomically(path, to_yaml(config));
// Reading is strict: an unknown or repeated key, a wrong type, a value out of range and keys that
// clash are each a std::invalid_argument that
// begins with file:line:column (or with the override) and says what was expected, what was found,
// and for a key which valid one is nearest.
// What a key means, its range and its choices stand in one place, config_fields.cc; `candor help
// config` prints them.
// The structs belong to launch/: the commands map them to the options of the layers below, which
// know no YAML.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace candor::launch {

struct RunSection {
  std::string dir;
  int64_t seed = 42;
  int64_t threads_per_rank = 0;  // 0: cores of the host / ranks on it; run_candor puts the number
                                 // in use here before a command sees it
  double timeout_s = 600;
  double heartbeat_s = 60;
  bool operator==(const RunSection&) const = default;
};

struct ModelSection {
  std::string path;
  std::string gguf;
  std::string dtype = "fp32";
  std::string shared_weights;
  std::string products = "fp32";  // run_candor puts what auto chose here before a command sees it
  std::string device = "auto";    // run_candor puts the one in use here before a command sees it
  bool operator==(const ModelSection&) const = default;
};

struct DataSection {
  std::string questions;
  int64_t max_train = 0;  // 0: all
  int64_t max_validation = 0;
  int64_t max_test = 0;
  bool operator==(const DataSection&) const = default;
};

struct FewShotTurn {
  std::string question;
  std::string answer;
  bool operator==(const FewShotTurn&) const = default;
};

struct PromptSection {
  std::string system;
  std::vector<FewShotTurn> few_shot;
  std::string question = "{question}";
  std::string marker = "\nConfidence: ";
  int64_t scale = 9;
  bool operator==(const PromptSection&) const = default;
};

struct AnswerSection {
  int64_t max_new_tokens = 32;
  int64_t group_size = 64;
  int64_t slots = 32;
  bool operator==(const AnswerSection&) const = default;
};

struct GradeSection {
  std::string grader = "alias_match";
  std::map<std::string, std::string> per_dataset;
  bool operator==(const GradeSection&) const = default;
};

struct PrepareSection {
  int64_t max_tokens = 2048;
  bool operator==(const PrepareSection&) const = default;
};

// Decoder layers [begin, end); end -1: to the last. In YAML "all" or "20-29", which is begin 20,
// end 30.
struct LayerRange {
  int64_t begin = 0;
  int64_t end = -1;
  bool operator==(const LayerRange&) const = default;
};

struct LoraSection {
  int64_t rank = 8;
  double alpha = 32;
  double dropout = 0.05;
  bool rslora = false;
  std::vector<std::string> modules = {"q_proj", "v_proj"};
  LayerRange layers;
  std::string active_from = "start";  // or "confidence_marker": aLoRA
  bool operator==(const LoraSection&) const = default;
};

struct StageSection {
  std::string loss;
  double until = 1;    // fraction of the run's steps at which the stage ends
  double ramp_to = 0;  // 0: starts at once; else the fraction at which it has fully taken over from
                       // the stage before
  bool operator==(const StageSection&) const = default;
};

struct TrainSection {
  int64_t max_steps =
      0;  // exactly one of max_steps and epochs is above 0 after reading; neither given: 2 epochs
  int64_t epochs = 0;
  int64_t global_batch_examples = 16;
  int64_t micro_batch_examples = 4;
  double learning_rate = 1e-4;
  std::string schedule = "linear";
  int64_t warmup_steps = 0;
  double step_gamma = 0.85;
  double weight_decay = 0;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 1e-8;
  double clip_norm = 1;
  int64_t checkpoint_every = 50;
  int64_t keep_checkpoints = 3;
  int64_t validate_every = 50;
  int64_t validation_examples = 0;
  int64_t drop_never_right = 0;
  bool share_prefix = true;
  bool frozen_trunk = true;
  std::string trunk_dir;  // empty: run.dir
  std::string on_non_finite = "stop";
  int64_t verify_every = 100;
  std::string gradient_sum = "reproducible";
  bool operator==(const TrainSection&) const = default;
};

struct EvaluateSection {
  int64_t batch_examples = 16;
  int64_t bootstrap_samples = 1000;
  bool baselines = true;
  bool probe = true;
  bool operator==(const EvaluateSection&) const = default;
};

struct RunConfig {
  RunSection run;
  ModelSection model;
  DataSection data;
  PromptSection prompt;
  AnswerSection answer;
  GradeSection grade;
  PrepareSection prepare;
  LoraSection lora;
  // Tokenized Brier alone collapses on small models; this doesn't (docs/design.md).
  std::vector<StageSection> objective = {
      {.loss = "soft_target", .until = 0.1},
      {.loss = "expectation_log_loss", .until = 0.4, .ramp_to = 0.2},
      {.loss = "tokenized_brier", .ramp_to = 0.6}};
  double objective_lm_weight = 0;
  std::vector<std::string> compare_objectives;  // losses
  bool compare_alora = false;
  TrainSection train;
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

// The resolved config: every key, defaults included, in a fixed order; parse_run_config gives the
// same config back.
std::string to_yaml(const RunConfig& config);

// Every section and key with type, range or choices, default and meaning.
std::string describe_run_config();

}  // namespace candor::launch
