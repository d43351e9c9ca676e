#include "launch/stages/train_command.h"

#include <fmt/format.h>

#include <filesystem>
#include <stdexcept>

#include "data_pipeline/files/atomic_file.h"
#include "data_pipeline/files/sha256.h"
#include "launch/context/lora_options.h"
#include "launch/progress/progress.h"
#include "launch/stages/training_identity.h"
#include "trainer/training/trainer.h"

namespace candor::launch {
namespace {

trainer::TrainOptions train_options(const RunConfig& config, const RunPaths& output) {
  const TrainSection& train = config.train;
  trainer::TrainOptions options{.seed = static_cast<uint64_t>(config.run.seed),
                                .lora = lora_options(config.lora),
                                .lm_weight = config.objective_lm_weight,
                                .max_steps = train.max_steps,
                                .epochs = train.epochs,
                                .global_batch_examples = train.global_batch_examples,
                                .micro_batch_examples = train.micro_batch_examples,
                                .learning_rate = {.peak = train.learning_rate,
                                                  .schedule = train.schedule,
                                                  .warmup_steps = train.warmup_steps,
                                                  .step_gamma = train.step_gamma},
                                .adamw = {.beta1 = train.beta1,
                                          .beta2 = train.beta2,
                                          .epsilon = train.epsilon,
                                          .weight_decay = train.weight_decay},
                                .clip_norm = train.clip_norm,
                                .checkpoint_every = train.checkpoint_every,
                                .keep_checkpoints = train.keep_checkpoints,
                                .validate_every = train.validate_every,
                                .drop_never_right = train.drop_never_right,
                                .validation_examples = train.validation_examples,
                                .validation_batch_examples = config.evaluate.batch_examples,
                                .share_prefix = train.share_prefix,
                                .frozen_trunk = train.frozen_trunk,
                                .skip_non_finite = train.on_non_finite == "skip",
                                .verify_every = train.verify_every,
                                .reproducible_sum = train.gradient_sum == "reproducible",
                                .checkpoints_dir = output.checkpoints(),
                                .adapter_dir = output.adapter(),
                                .metrics_path = output.metrics(),
                                .events_dir = output.tensorboard(),
                                .non_finite_dir = output.non_finite(),
                                // A comparison's training reads the same one.
                                .trunk_path = config.lora.active_from == "start"
                                                  ? RunPaths(config.run.dir).trunk()
                                                  : RunPaths(config.run.dir).alora_trunk(),
                                .base_model = config.model.path,
                                .model_dtype = config.model.dtype,
                                .model_products = config.model.products};
  for (const StageSection& stage : config.objective)
    options.objective.push_back({trainer::loss_from_name(stage.loss), stage.until, stage.ramp_to});
  return options;
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

}  // namespace

void train_adapter(const RunConfig& config, const AdapterTraining& training, RunContext& context) {
  comm::ProcessGroup& group = context.group;
  const RunTokens tokens = context.tokens(config);
  const data::TokenData& data = tokens.data;
  const RunPaths& output = training.output;
  if (group.rank() == 0 && !training.resume &&
      !trainer::checkpoint_steps(output.checkpoints()).empty()) {
    throw std::invalid_argument(
        fmt::format("{} already holds checkpoints up to step {}: add --resume to go on from there, "
                    "or choose another run.dir",
                    output.checkpoints(), trainer::checkpoint_steps(output.checkpoints()).back()));
  }
  if (group.rank() == 0) {
    std::filesystem::create_directories(output.dir);
    data::write_file_atomically(output.config(), to_yaml(config));
  }
  group.barrier();
  const trainer::LlamaModel& model = context.model(config);

  trainer::TrainOptions options = train_options(config, output);
  if (config.lora.active_from == "confidence_marker")
    options.lora.active_from = marker_tokens(data);
  options.resume = training.resume;
  options.pause_at = training.pause_at;
  options.stop_request = context.stop_request;
  options.hosts = &context.hosts;
  data::WriteFence fence(output.dir);
  options.fence = &fence;
  options.identity = training_identity(config, tokens.sha256, group.device());
  options.trunk_identity =
      trunk_identity(config, context.model_identity(config), tokens.sha256, group.device());
  if (!config.train.trunk_dir.empty()) {
    const std::string whose = fmt::format("{}\n{}\n{}", options.trunk_identity,
                                          config.lora.layers.begin, config.lora.active_from);
    std::filesystem::create_directories(config.train.trunk_dir);
    options.trunk_path =
        fmt::format("{}/{:.16}.safetensors", config.train.trunk_dir, data::sha256_hex(whose));
    options.trunk_of_all = true;
  }
  std::unique_ptr<Progress> progress, trunk_progress;
  if (group.rank() == 0) {
    options.on_trunk = [&](int64_t done, int64_t total) {
      if (!trunk_progress) {
        trunk_progress = std::make_unique<Progress>(ProgressOptions{
            .name = training.name + " frozen layers", .unit = "batches", .total = total});
      }
      trunk_progress->update(done);
      if (done == total) trunk_progress->finish();
    };
  }
  options.on_step = [&](const trainer::StepRecord& record) {
    if (!progress) {
      progress = std::make_unique<Progress>(ProgressOptions{.name = training.name,
                                                            .unit = "steps",
                                                            .total = record.max_steps,
                                                            .done_before = record.step - 1});
    }
    progress->update(record.step, step_note(record));
  };
  options.on_message = [&](const std::string& message) {
    fmt::print(stderr, "{}  {}\n", training.name, message);
  };
  trainer::Trainer trainer(model, data, std::move(options), group);
  const trainer::TrainResult result = trainer.run();
  if (progress) progress->finish();
  if (group.rank() == 0 && !result.finished) {
    fmt::print(stderr,
               "{}  paused as asked: step {} is saved; best on validation so far: step {} "
               "(tokenized Brier {:.4f})\n",
               training.name, result.steps, result.best_step, result.best_brier);
  } else if (group.rank() == 0) {
    fmt::print(stderr,
               "{}  best on validation: step {} of {} (tokenized Brier {:.4f}); adapter in {}\n",
               training.name, result.best_step, result.steps, result.best_brier, output.adapter());
  }
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
