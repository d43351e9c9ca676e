#include "launch/stages/evaluation_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <optional>

#include "data_pipeline/files/jsonl.h"
#include "data_pipeline/questions/question.h"
#include "launch/config/recorded_config.h"
#include "launch/stages/stage_list.h"

namespace candor::launch {

std::vector<trainer::TrainingPoint> read_training_curve(const std::string& metrics_path) {
  std::vector<trainer::TrainingPoint> curve;
  if (!std::filesystem::exists(metrics_path)) return curve;
  data::for_each_json_line(metrics_path, [&](const nlohmann::json& line, size_t) {
    if (!line.contains("loss")) return;  // a skipped step
    trainer::TrainingPoint point{.step = line.at("step"),
                                 .loss = line.at("loss"),
                                 .learning_rate = line.at("learning_rate")};
    if (line.contains("validation")) {
      const nlohmann::json& figures = line["validation"];
      point.validation_tokenized_brier = figures.at("tokenized_brier").get<double>();
      if (figures.contains("auroc")) point.validation_auroc = figures["auroc"].get<double>();
      point.validation_brier = figures.at("expectation_brier").get<double>();
      point.validation_levels = figures.at("distinct_levels").get<double>();
      point.validation_entropy = figures.at("entropy").get<double>();
      point.validation_spread = figures.at("spread").get<double>();
    }
    curve.push_back(point);
  });
  return curve;
}

RunConfig config_of_training(const RunConfig& config, bool is_own_adapter,
                             std::vector<std::string>& notes) {
  const WholeConfigRead whole;
  const std::optional<RunConfig> recorded = recorded_config(config.run.dir);
  if (!is_own_adapter || !recorded) return config;
  // What evaluate reads by itself is as it was given.
  KeyList keys;
  for (const std::string& key : stage_named("train").result_keys) {
    if (!covers(stage_named("evaluate").result_keys, key)) keys.push_back(key);
  }
  const std::string differences = differences_text(differing_keys(*recorded, config, keys));
  if (differences.empty()) return config;
  notes.push_back(
      fmt::format("The adapter was trained with another config than this evaluation was given: {}. "
                  "The config in "
                  "the report is the training's.",
                  differences));
  fmt::print(stderr, "evaluate  WARNING: {}\n", notes.back());
  return with_keys_of(config, *recorded, keys);
}

std::string objective_sentence(const RunConfig& config) {
  std::string stages;
  for (size_t i = 0; i < config.objective.size(); ++i) {
    const trainer::ObjectiveStage& stage = config.objective[i];
    const bool last = i + 1 == config.objective.size();
    if (i > 0) stages += ", then ";
    stages += trainer::loss_name(stage.loss);
    if (stage.ramp_to > 0)
      stages += fmt::format(" (mixed in linearly up to {:.0f} %)", 100 * stage.ramp_to);
    if (!last) stages += fmt::format(" up to {:.0f} % of the steps", 100 * stage.until);
  }
  return fmt::format(
      "Loss: {}.{}", stages,
      config.objective.size() > 1
          ? " So values of the training loss from different stages can't be compared."
          : "");
}

std::vector<trainer::ExampleRow> choose_example_rows(
    const std::string& graded_path, const std::vector<trainer::ScoredExample>& before,
    const std::vector<trainer::ScoredExample>& after) {
  std::map<std::string, data::GradedQuestion> by_id;
  for (data::GradedQuestion& question : data::read_graded_questions(graded_path))
    by_id[question.id] = std::move(question);
  std::vector<trainer::ExampleRow> rows;
  constexpr size_t kRows = 10;
  for (size_t k = 0; k < kRows && k < after.size(); ++k) {
    const size_t i = after.size() <= kRows ? k : k * after.size() / kRows;
    const auto found = by_id.find(after[i].id);
    if (found == by_id.end() || !after[i].graded) continue;
    trainer::ExampleRow row{.question = found->second.question,
                            .response = found->second.response,
                            .answers = found->second.answers,
                            .correct = after[i].target,
                            .before_expectation = before[i].expectation(),
                            .after_expectation = after[i].expectation(),
                            .after_argmax = {}};
    if (after[i].argmax_level >= 0) row.after_argmax = after[i].argmax_value();
    rows.push_back(std::move(row));
  }
  return rows;
}

std::optional<std::string> left_out_note(const std::string& graded_path,
                                         const data::TokenData& tokens) {
  const auto test_examples = [](const auto& all) {
    return std::count_if(all.begin(), all.end(),
                         [](const auto& one) { return one.split == "test"; });
  };
  const auto graded = test_examples(data::read_graded_questions(graded_path)),
             here = test_examples(tokens.examples);
  if (graded <= here) return std::nullopt;
  return fmt::format(
      "{} of the {} test examples of graded.jsonl aren't in tokens.h5, and so not in this report: "
      "candor prepare leaves out what is longer than prepare.max_tokens.",
      graded - here, graded);
}

}  // namespace candor::launch
