#include "launch/stages/evaluate_command.h"

#include <fmt/format.h>

#include <filesystem>
#include <optional>
#include <set>
#include <string>

#include "data_pipeline/tokens/sampler.h"
#include "launch/config/run_paths.h"
#include "launch/progress/progress.h"
#include "launch/stages/comparison.h"
#include "launch/stages/evaluation_report.h"
#include "launch/stages/evaluation_splits.h"
#include "launch/stages/training_identity.h"
#include "trainer/evaluation/baselines.h"
#include "trainer/evaluation/scoring.h"
#include "trainer/training/train_examples.h"

namespace candor::launch {
namespace {

class Evaluation {
 public:
  Evaluation(const RunConfig& config, const RunTokens& tokens, RunContext& context)
      : config_(config),
        context_(context),
        model_(context.model(config)),
        data_(tokens.data),
        tokens_sha256_(tokens.sha256),
        group_(context.group) {
    options_.bootstrap = config.evaluate.bootstrap;
  }

  const trainer::EvaluationOptions& options() const { return options_; }

  // Once, for all scores of the test split that need no hidden states below `layer`, where there
  // are several.
  void keep_test_trunk(int64_t layer) {
    const size_t uses = 1 + (config_.evaluate.probe ? 0 : 1) +
                        config_.compare_objectives.size();  // aLoRA reads none
    if (!config_.train.computing.frozen_trunk || layer == 0 || uses < 2) return;
    Progress progress(
        {.name = "evaluate test frozen layers", .unit = "batches", .visible = group_.rank() == 0});
    const RunPaths paths(config_.run.dir);
    trainer::FrozenTrunkOptions options{.layer = layer,
                                        .batch_examples = config_.evaluate.batch_examples,
                                        .path = paths.test_trunk(),
                                        .hosts = &context_.hosts};
    options.identity =
        trunk_identity(config_, context_.model_identity(config_), tokens_sha256_, group_.device());
    options.on_progress = [&](int64_t done, int64_t total) {
      progress.set_total(total);
      progress.update(done);
    };
    test_trunk_.emplace(model_, data_,
                        data::examples_of_split(data_, "test", /*graded_only=*/false), options,
                        group_);
    progress.finish();
  }

  // `name`: of the model, for the progress.
  trainer::ScoringResult score(const std::string& split, const std::string& name,
                               const trainer::LoraAdapter* adapter, bool hidden) const {
    return score(split, name, data::examples_of_split(data_, split, /*graded_only=*/false), adapter,
                 hidden);
  }
  trainer::ScoringResult score(const std::string& split, const std::string& name,
                               const std::vector<int64_t>& examples,
                               const trainer::LoraAdapter* adapter, bool hidden) const {
    Progress progress({.name = fmt::format("evaluate {} {}", split, name),
                       .unit = "batches",
                       .visible = group_.rank() == 0});
    trainer::ScoringOptions options{.batch_examples = config_.evaluate.batch_examples,
                                    .share_prefix = config_.train.computing.share_prefix,
                                    .collect_hidden = hidden};
    if (split == "test" && !hidden && test_trunk_) options.trunk = &*test_trunk_;
    options.on_progress = [&](int64_t done, int64_t total) {
      progress.set_total(total);
      progress.update(done);
    };
    trainer::ScoringResult result =
        trainer::score_examples(model_, adapter, data_, examples, options, group_);
    progress.finish(fmt::format("{} examples", examples.size()));
    return result;
  }

  // Fills the baselines and returns the base model's scores of the test split.
  std::vector<trainer::ScoredExample> score_base(trainer::ReportInput& report) const {
    const bool probe = config_.evaluate.probe;
    const trainer::ScoringResult test = score("test", "before", nullptr, probe);
    if (!config_.evaluate.baselines && !probe) return test.examples;
    const trainer::ScoringResult validation = score("validation", "before", nullptr, probe);
    if (config_.evaluate.baselines)
      report.baselines = trainer::post_hoc_baselines(validation.examples, test.examples, options_);
    if (probe) {
      // The probes learn from what the adapter learned from.
      const trainer::TrainExamples chosen =
          trainer::choose_train_examples(data_, config_.train.drop_never_right);
      const trainer::ScoringResult train = score("train", "before", chosen.examples, nullptr, true);
      if (group_.rank() == 0) {
        fmt::print(stderr, "evaluate  fitting probes\n");
        const int64_t layers = model_.config().layers, step = std::max<int64_t>(1, layers / 10);
        const trainer::ProbeBaselines probes = trainer::probe_baselines(
            {train.examples, train.hidden, chosen.weight}, {validation.examples, validation.hidden},
            {test.examples, test.hidden}, layers, step, options_);
        report.baselines["probe_last"] = probes.last;
        report.baselines["probe_best"] = probes.best;
        report.notes.push_back(
            fmt::format("The best probe reads the hidden state after layer {} of {}.",
                        probes.best_layer, layers));
      }
    }
    return test.examples;
  }

  // A row for each further adapter, a note for each that isn't there.
  void score_comparisons(trainer::ReportInput& report) const {
    for (const ComparedAdapter& comparison : compared_adapters(config_)) {
      const RunPaths& paths = comparison.paths;
      std::string found =
          group_.rank() == 0 && std::filesystem::exists(paths.adapter_weights()) ? "yes" : "";
      group_.broadcast_bytes(found, 0);
      if (found.empty()) {
        report.notes.push_back(
            fmt::format("Not in this report: {}, because {} isn't there; `candor run` with this "
                        "config trains it.",
                        comparison.label, paths.adapter_weights()));
        if (group_.rank() == 0) fmt::print(stderr, "evaluate  {}\n", report.notes.back());
        continue;
      }
      const trainer::LoraAdapter adapter = context_.adapter(config_, paths.adapter(), data_.origin);
      const std::vector<trainer::ScoredExample> examples =
          score("test", comparison.name, &adapter, false).examples;
      if (group_.rank() != 0) continue;
      const trainer::EvaluationGroup figures = trainer::evaluate(examples, options_).overall;
      report.extra_rows.push_back({.name = comparison.name,
                                   .label = comparison.label,
                                   .expectation = figures.expectation,
                                   .argmax = figures.argmax,
                                   .distinct_argmax_levels = figures.distinct_argmax_levels});
      trainer::write_scored_examples(paths.dir + "/scored_after.jsonl", examples);
    }
  }

 private:
  const RunConfig& config_;
  RunContext& context_;
  const trainer::LlamaModel& model_;
  const data::TokenData& data_;
  const std::string& tokens_sha256_;
  comm::ProcessGroup& group_;
  trainer::EvaluationOptions options_;
  std::optional<trainer::FrozenTrunk> test_trunk_;
};

// The bootstrap draws entities: of a few it says little, however often it draws.
void note_few_entities(trainer::ReportInput& report) {
  constexpr size_t kFew = 10;
  std::set<std::string> entities;
  for (const trainer::ScoredExample& example : report.after_examples) {
    if (example.graded) entities.insert(example.entity);
  }
  if (entities.size() >= kFew) return;
  report.notes.push_back(fmt::format(
      "The graded test examples are of only {} entit{}: intervals of fewer than {} mean little.",
      entities.size(), entities.size() == 1 ? "y" : "ies", kFew));
  fmt::print(stderr, "evaluate  warning: {}\n", report.notes.back());
}

}  // namespace

int evaluate_command(const RunConfig& config, RunContext& context) {
  comm::ProcessGroup& group = context.group;
  const RunTokens tokens = context.tokens(config);
  check_evaluation_splits(tokens.data, config.evaluate);
  const RunPaths paths(config.run.dir);
  const std::string adapter_folder =
      context.arguments.adapter.empty() ? paths.adapter() : context.arguments.adapter;
  const trainer::LoraAdapter adapter = context.adapter(config, adapter_folder, tokens.data.origin);

  Evaluation evaluation(config, tokens, context);
  evaluation.keep_test_trunk(adapter.options().layers.begin);
  trainer::ReportInput report;
  report.before_examples = evaluation.score_base(report);
  report.after_examples = evaluation.score("test", "after", &adapter, false).examples;
  evaluation.score_comparisons(report);
  if (group.rank() == 0) {
    report.title = fmt::format("Candor: {}", config.run.dir);
    report.model = std::filesystem::path(config.model.path).lexically_normal().filename();
    const RunConfig trained =
        config_of_training(config, context.arguments.adapter.empty(), report.notes);
    report.training_note = objective_sentence(trained);
    if (adapter.options().acts_from_marker()) {
      report.notes.push_back(
          "The adapter acts from the confidence marker on (aLoRA): prompt and answer are the base "
          "model's. It is not the paper's model.");
    }
    note_few_entities(report);
    if (const auto note = left_out_note(paths.graded(), tokens.data)) report.notes.push_back(*note);
    report.resolved_config_yaml = to_yaml(trained);
    report.before = trainer::evaluate(report.before_examples, evaluation.options());
    report.after = trainer::evaluate(report.after_examples, evaluation.options());
    report.curve = read_training_curve(paths.metrics());
    report.examples =
        choose_example_rows(paths.graded(), report.before_examples, report.after_examples);
    context.begin_writing();
    trainer::write_scored_examples(config.run.dir + "/scored_before.jsonl", report.before_examples);
    trainer::write_scored_examples(config.run.dir + "/scored_after.jsonl", report.after_examples);
    trainer::write_report_json(paths.report_json(), report);
    trainer::write_report_html(paths.report_html(), report);
    fmt::print("{}\nreport: {}\n", trainer::before_after_table(report), paths.report_html());
  }
  group.barrier();
  return 0;
}

}  // namespace candor::launch
