#include "launch/stages/train_command.h"

#include <fmt/format.h>

#include <filesystem>
#include <memory>
#include <stdexcept>

#include "data_pipeline/files/atomic_file.h"
#include "data_pipeline/files/sha256.h"
#include "launch/context/adapter_origin.h"
#include "launch/progress/progress.h"
#include "launch/stages/example_warnings.h"
#include "launch/stages/training_identity.h"
#include "trainer/training/trainer.h"

namespace candor::launch {
namespace {

trainer::TrainOptions train_options(const RunConfig& config, const RunPaths& output) {
  return {.seed = static_cast<uint64_t>(config.run.seed),
          .lora = config.lora,
          .objective = config.objective,
          .lm_weight = config.objective_lm_weight,
          .settings = config.train,
          .validation_batch_examples = config.evaluate.batch_examples,
          .base_model = {.folder = config.model.path,
                         .dtype = trainer::choice_name(config.model.dtype),
                         .products = trainer::choice_name(config.model.products)},
          .outputs = {.checkpoints_dir = output.checkpoints(),
                      .adapter_dir = output.adapter(),
                      .metrics_path = output.metrics(),
                      .events_dir = output.tensorboard(),
                      .non_finite_dir = output.non_finite()}};
}

// A comparison's training reads that of its run, and one with train.trunk_dir that of all runs with
// the same base model, tokens and lowest layer.
trainer::TrunkFile trunk_file(const RunConfig& config, const std::string& identity) {
  const RunPaths paths(config.run.dir);
  trainer::TrunkFile file{
      .path = config.lora.acts_from_marker() ? paths.alora_trunk() : paths.trunk(),
      .identity = identity};
  if (config.trunk_dir.empty()) return file;
  const std::string whose = fmt::format("{}\n{}\n{}", identity, config.lora.layers.begin,
                                        trainer::choice_name(config.lora.active_from));
  std::filesystem::create_directories(config.trunk_dir);
  file.path = fmt::format("{}/{:.16}.safetensors", config.trunk_dir, data::sha256_hex(whose));
  file.of_all = true;
  return file;
}

// The tokens of the confidence marker, which are the same in every example.
std::vector<uint32_t> marker_tokens(const data::TokenData& data) {
  const auto of_example = [&](size_t e) {
    const data::Example& of = data.examples[e];
    const auto marker =
        data.suffix(e).subspan(of.marker_position, of.confidence_position + 1 - of.marker_position);
    return std::vector<uint32_t>(marker.begin(), marker.end());
  };
  const std::vector<uint32_t> first = of_example(0);
  for (size_t e = 1; e < data.examples.size(); ++e) {
    if (of_example(e) == first) continue;
    throw std::invalid_argument(
        fmt::format("lora.active_from: confidence_marker needs a marker with the same tokens after "
                    "every answer, and those of {} and {} differ: let "
                    "prompt.marker begin with a line break, or leave lora.active_from out",
                    data.examples[0].id, data.examples[e].id));
  }
  return first;
}

std::string step_note(const trainer::StepRecord& record) {
  std::string note = fmt::format(
      "loss {:.4f}  {:.1f} examples/s, {:.0f} tokens/s (as if unshared {:.0f})", record.loss,
      record.examples_per_s, record.tokens_per_s, record.unshared_tokens_per_s);
  if (record.share_of_peak > 0)
    note += fmt::format(", {:.0f} % of peak", 100 * record.share_of_peak);
  if (record.validation) {
    note += fmt::format("  validation: Brier {:.3f}, AUROC {:.3f}, {} levels",
                        record.validation->expectation_brier, record.validation->auroc,
                        record.validation->distinct_levels);
  }
  return note;
}

// What a training tells the user on rank 0.
class TrainingDisplay {
 public:
  explicit TrainingDisplay(std::string name) : name_(std::move(name)) {}

  // Every rank is told of the frozen trunk, so the caller says whether this one shows it.
  trainer::TrainCallbacks callbacks(bool shows_trunk) {
    trainer::TrainCallbacks callbacks{
        .on_step = [this](const trainer::StepRecord& record) { show_step(record); },
        .on_message =
            [this](const std::string& message) { fmt::print(stderr, "{}  {}\n", name_, message); }};
    if (shows_trunk)
      callbacks.on_trunk = [this](int64_t done, int64_t total) { show_trunk(done, total); };
    return callbacks;
  }

  void show_result(const trainer::TrainResult& result, const std::string& adapter_dir) const {
    if (result.finished) {
      fmt::print(stderr,
                 "{}  best on validation: step {} of {} (tokenized Brier {:.4f}); adapter in {}\n",
                 name_, result.best_step, result.steps, result.best_brier, adapter_dir);
    } else {
      fmt::print(stderr,
                 "{}  paused as asked: step {} is saved; best on validation so far: step {} "
                 "(tokenized Brier {:.4f})\n",
                 name_, result.steps, result.best_step, result.best_brier);
    }
  }

  void finish_steps() {
    if (steps_) steps_->finish();
  }

 private:
  void show_trunk(int64_t done, int64_t total) {
    if (!trunk_) {
      trunk_ = std::make_unique<Progress>(
          ProgressOptions{.name = name_ + " frozen layers", .unit = "batches", .total = total});
    }
    trunk_->update(done);
    if (done == total) trunk_->finish();
  }

  void show_step(const trainer::StepRecord& record) {
    if (!steps_) {
      steps_ = std::make_unique<Progress>(ProgressOptions{.name = name_,
                                                          .unit = "steps",
                                                          .total = record.max_steps,
                                                          .done_before = record.step - 1});
    }
    steps_->update(record.step, step_note(record));
  }

  std::string name_;
  std::unique_ptr<Progress> steps_, trunk_;
};

void refuse_checkpoints_of_before(const std::string& checkpoints) {
  const std::vector<int64_t> steps = trainer::checkpoint_steps(checkpoints);
  if (steps.empty()) return;
  throw std::invalid_argument(
      fmt::format("{} already holds checkpoints up to step {}: add --resume to go on from there, "
                  "or choose another run.dir",
                  checkpoints, steps.back()));
}

void refuse_checkpoints_of_another_training(const RunConfig& config, const RunPaths& output,
                                            const std::string& identity) {
  const std::string theirs = identity_of_checkpoints(output.checkpoints());
  if (theirs.empty() || theirs == identity) return;
  throw std::invalid_argument(
      fmt::format("--resume: {} are of another training: {}. Use the config that they were made "
                  "with ({}), or another run.dir",
                  output.checkpoints(), training_difference(config, output), output.config()));
}

}  // namespace

void check_training_length(const RunConfig& config, const data::TokenData& data) {
  const trainer::StepPlan plan(
      trainer::choose_train_examples(data, config.train.drop_never_right).examples,
      static_cast<uint64_t>(config.run.seed), config.train.batches);
  trainer::check_warmup(config.train.update.learning_rate, plan.max_steps(),
                        plan.steps_per_epoch());
}

void train_adapter(const RunConfig& config, const AdapterTraining& training, RunContext& context) {
  comm::ProcessGroup& group = context.group;
  const RunTokens tokens = context.tokens(config);
  const RunPaths& output = training.output;
  const std::string identity = training_identity(config, tokens.sha256, group.device());
  check_training_length(config, tokens.data);
  if (group.rank() == 0) {
    if (!training.resume) refuse_checkpoints_of_before(output.checkpoints());
    if (training.resume) refuse_checkpoints_of_another_training(config, output, identity);
    std::filesystem::create_directories(output.dir);
  }
  group.barrier();
  const trainer::LlamaModel& model = context.model(config);

  trainer::TrainOptions options = train_options(config, output);
  if (config.lora.acts_from_marker()) options.lora.marker = marker_tokens(tokens.data);
  options.trunk = trunk_file(config, trunk_identity(config, context.model_identity(config),
                                                    tokens.sha256, group.device()));
  data::WriteFence fence(output.dir);
  options.continuation = {.identity = identity,
                          .resume = training.resume,
                          .pause_at = training.pause_at,
                          .fence = &fence,
                          .stop_request = context.stop_request};
  options.hosts = &context.hosts;
  options.outputs.adapter_texts = {{kAdapterOriginName, adapter_origin_text(tokens.data.origin)}};
  if (group.rank() == 0) tell(training.name.c_str(), label_warnings(tokens.data));
  TrainingDisplay display(training.name);
  options.callbacks = display.callbacks(/*shows_trunk=*/group.rank() == 0);
  options.callbacks.before_adapter = [&context] { context.begin_writing(); };
  trainer::Trainer trainer(model, tokens.data, std::move(options), group);
  // Not before: a refused training leaves the config of the one that was there.
  if (group.rank() == 0) data::write_file_atomically(output.config(), to_yaml(config));
  const trainer::TrainResult result = trainer.run();
  display.finish_steps();
  if (group.rank() == 0) display.show_result(result, output.adapter());
}

int train_command(const RunConfig& config, RunContext& context) {
  train_adapter(config,
                {.output = RunPaths(config.run.dir),
                 .resume = context.arguments.resume,
                 .pause_at = context.arguments.pause_at},
                context);
  return 0;
}

}  // namespace candor::launch
