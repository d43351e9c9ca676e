#include <nlohmann/json.hpp>

#include "data_pipeline/files/atomic_file.h"
#include "trainer/report/report.h"
#include "trainer/report/report_rows.h"

namespace candor::trainer {
namespace {

nlohmann::json curve_json(const std::vector<TrainingPoint>& curve) {
  nlohmann::json points = nlohmann::json::array();
  for (const TrainingPoint& point : curve) {
    nlohmann::json one = {
        {"step", point.step}, {"loss", point.loss}, {"learning_rate", point.learning_rate}};
    if (point.validation_tokenized_brier)
      one["validation_tokenized_brier"] = *point.validation_tokenized_brier;
    if (point.validation_auroc) one["validation_auroc"] = *point.validation_auroc;
    if (point.validation_brier) one["validation_brier"] = *point.validation_brier;
    if (point.validation_levels) one["validation_levels"] = *point.validation_levels;
    if (point.validation_entropy) one["validation_entropy"] = *point.validation_entropy;
    if (point.validation_spread) one["validation_spread"] = *point.validation_spread;
    points.push_back(std::move(one));
  }
  return points;
}

}  // namespace

void write_report_json(const std::string& path, const ReportInput& input) {
  nlohmann::json report = {
      {"title", input.title},
      {"overall",
       {{"before", to_json(input.before.overall)}, {"after", to_json(input.after.overall)}}},
      {"per_dataset", nlohmann::json::object()},
      {"baselines", nlohmann::json::object()},
      {"extra_rows", nlohmann::json::array()},
      {"curve", curve_json(input.curve)},
      {"notes", input.notes}};
  for (const auto& [name, group] : input.before.per_dataset)
    report["per_dataset"][name]["before"] = to_json(group);
  for (const auto& [name, group] : input.after.per_dataset)
    report["per_dataset"][name]["after"] = to_json(group);
  for (const auto& [name, metrics] : input.baselines) report["baselines"][name] = to_json(metrics);
  for (const ExtraRow& extra : input.extra_rows) {
    report["extra_rows"].push_back(
        {{"name", extra.name},
         {"label", extra.label},
         {"expectation", to_json(extra.expectation)},
         {"argmax", to_json(extra.argmax)},
         {"distinct_argmax_levels", extra.distinct_argmax_levels},
         {"collapsed", is_collapsed(extra.expectation, extra.distinct_argmax_levels)}});
  }
  data::write_file_atomically(
      path, report.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
}

}  // namespace candor::trainer
