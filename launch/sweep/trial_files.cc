#include "launch/sweep/trial_files.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>
#include <nlohmann/json.hpp>
#include <sstream>

#include "data_pipeline/files/atomic_file.h"
#include "data_pipeline/files/read_file.h"
#include "data_pipeline/files/sha256.h"
#include "launch/config/config_part.h"
#include "launch/config/run_paths.h"
#include "launch/stages/stage_list.h"

namespace candor::launch {
namespace {

namespace fs = std::filesystem;
constexpr const char* kShared[] = {"answers.jsonl", "graded.jsonl", "tokens.h5"};

}  // namespace

TrialFiles::TrialFiles(const SweepConfig& sweep, int64_t threads_per_rank)
    : sweep_(sweep), threads_per_rank_(threads_per_rank) {}

RunConfig TrialFiles::with_threads(RunConfig config) const {
  if (config.run.threads_per_rank == 0) config.run.threads_per_rank = threads_per_rank_;
  return config;
}

std::string TrialFiles::trial_dir(const TrialId& trial) const {
  return fmt::format("{}/trials/{}", sweep_.dir, trial.text());
}
std::string TrialFiles::metrics_path(const TrialId& trial) const {
  return RunPaths(trial_dir(trial)).metrics();
}
std::string TrialFiles::shared_dir(const std::string& id) const {
  return fmt::format("{}/shared/{}", sweep_.dir, id);
}

std::string TrialFiles::shared_id(const Point& point) const {
  const RunConfig config = config_of_point(sweep_, point);
  // The model by its path: its bytes are hashed when the stages run.
  KeyList keys = {"model.path", "model.gguf", "data.questions"};
  for (const char* name : {"answer", "grade", "prepare"}) {
    const KeyList& of_stage = stage_named(name).result_keys;
    keys.insert(keys.end(), of_stage.begin(), of_stage.end());
  }
  RunConfig part = only_keys(config, keys);
  part.run.dir = "-";
  return data::sha256_hex(to_yaml(part)).substr(0, 12);
}

std::string TrialFiles::shared_tokens_path(const std::string& id) const {
  return RunPaths(shared_dir(id)).tokens();
}

bool TrialFiles::shared_is_there(const std::string& id) const {
  return fs::exists(shared_tokens_path(id));
}

void TrialFiles::write_shared_config(const Point& point) const {
  const std::string id = shared_id(point);
  RunConfig config = with_threads(config_of_point(sweep_, point));
  config.run.dir = shared_dir(id);
  fs::create_directories(config.run.dir);
  data::write_file_atomically(shared_config_path(id), to_yaml(config));
}

std::string TrialFiles::pool_dir(int64_t job) const {
  return fmt::format("{}/pool/{}", sweep_.dir, job);
}

void TrialFiles::make_pool_folder(int64_t job) const {
  RunConfig config = with_threads(sweep_.base);
  config.run.dir = pool_dir(job);
  fs::create_directories(config.run.dir);
  data::write_file_atomically(pool_config_path(job), to_yaml(config));
}

std::string TrialFiles::trunk_id(const Point& point) const {
  const RunConfig config = config_of_point(sweep_, point);
  const bool alora = config.lora.acts_from_marker();
  if (!config.train.computing.frozen_trunk || (config.lora.layers.begin == 0 && !alora)) return "";
  return fmt::format("{} {} {}", shared_id(point), config.lora.layers.begin, alora);
}

RunConfig TrialFiles::trial_config(const Point& point, const TrialId& trial) const {
  RunConfig config = with_threads(config_of_point(sweep_, point));
  config.run.dir = trial_dir(trial);
  config.run.seed += trial.repeat;
  config.trunk_dir = sweep_.dir + "/trunks";
  // One mapping of the weights for all trials of a host.
  if (config.model.device != DeviceChoice::kCuda && config.model.shared_weights.empty())
    config.model.shared_weights = sweep_.dir + "/shared/weights";
  config.compare_objectives.clear();
  config.compare_alora = false;
  return config;
}

void TrialFiles::make_trial(const Point& point, const TrialId& trial) const {
  const std::string dir = trial_dir(trial), id = shared_id(point);
  fs::create_directories(dir);
  for (const char* name : kShared) {
    const fs::path link = fs::path(dir) / name;
    if (!fs::exists(fs::symlink_status(link)))
      fs::create_symlink(fs::path("../../shared") / id / name, link);
  }
  data::write_file_atomically(config_path(trial), to_yaml(trial_config(point, trial)));
}

std::vector<CurvePointOfTrial> read_trial_curve(const std::string& metrics_path) {
  std::vector<CurvePointOfTrial> curve;
  if (!fs::exists(metrics_path)) return curve;
  std::istringstream lines(data::read_file(metrics_path));
  for (std::string line; std::getline(lines, line);) {
    const nlohmann::json json = nlohmann::json::parse(line, nullptr, /*allow_exceptions=*/false);
    if (!json.is_object() || !json.contains("step") || !json["step"].is_number_integer()) break;
    CurvePointOfTrial point{.step = json["step"], .loss = std::numeric_limits<double>::quiet_NaN()};
    if (json.contains("loss") && json["loss"].is_number()) point.loss = json["loss"];
    if (json.contains("validation") && json["validation"].is_object()) {
      for (const auto& [name, value] : json["validation"].items()) {
        if (value.is_number()) point.validation[name] = value.get<double>();
      }
    }
    curve.push_back(std::move(point));
  }
  return curve;
}

std::optional<std::map<std::string, double>> figures_at(const std::vector<CurvePointOfTrial>& curve,
                                                        int64_t step) {
  for (auto point = curve.rbegin(); point != curve.rend(); ++point) {
    if (step > 0 && point->step != step) continue;
    if (point->validation.empty()) return std::nullopt;
    std::map<std::string, double> figures = point->validation;
    figures["step"] = static_cast<double>(point->step);
    if (std::isfinite(point->loss)) figures["loss"] = point->loss;
    return figures;
  }
  return std::nullopt;
}

std::string reason_in_log(const std::string& log_path, uint64_t from) {
  if (!fs::exists(log_path)) return "";
  const std::string log = data::read_file(log_path);
  std::istringstream lines(log.substr(std::min<uint64_t>(from, log.size())));
  std::string reason;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("candor: ")) reason = line.substr(8);
  }
  return reason;
}

}  // namespace candor::launch
