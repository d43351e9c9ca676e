#include "launch/stages/stage_record.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <stdexcept>

#include "data_pipeline/files/atomic_file.h"
#include "data_pipeline/files/jsonl.h"
#include "data_pipeline/files/read_file.h"
#include "data_pipeline/files/sha256.h"

namespace candor::launch {
namespace {

namespace fs = std::filesystem;

// A file of the run folder by its name there, any other by its full path.
std::string place_of(const std::string& file, const std::string& folder) {
  const fs::path whole = fs::weakly_canonical(fs::absolute(file)),
                 inside = whole.lexically_relative(fs::weakly_canonical(fs::absolute(folder)));
  return inside.empty() || *inside.begin() == ".." ? whole.string() : inside.string();
}

bool is_stage(const nlohmann::json& stage) {
  const auto is_text = [&](const char* key) {
    return !stage.contains(key) || stage[key].is_string();
  };
  const auto has_hashes = [&](const char* files) {
    return stage.contains(files) && stage[files].is_object() &&
           std::all_of(stage[files].begin(), stage[files].end(),
                       [](const nlohmann::json& hash) { return hash.is_string(); });
  };
  return stage.is_object() && stage.contains("keys") && is_text("keys") && has_hashes("inputs") &&
         is_text("model") && is_text("model_texts") &&
         (!stage.contains("outputs") || has_hashes("outputs")) &&
         (!stage.contains("running") || stage["running"].is_boolean());
}

}  // namespace

StageRecord::StageRecord(const std::string& run_dir)
    : folder_(run_dir), path_(run_dir + "/stages.json") {
  if (fs::exists(path_)) record_ = data::parse_json(data::read_file(path_), path_);
  if (!record_.is_object() || !std::all_of(record_.begin(), record_.end(), is_stage)) {
    throw std::invalid_argument(
        fmt::format("{}: expected an object of stages, each with keys (a text) and inputs (texts); "
                    "remove the file: answers and grades that are there are then kept, and the "
                    "other stages done anew",
                    path_));
  }
}

// Records of earlier versions name a file as the config did.
bool StageRecord::has_hash(const nlohmann::json& files, const std::string& file) const {
  const std::string place = place_of(file, folder_), hash = data::sha256_file_hex(file);
  for (const std::string& name : {place, file}) {
    if (files.contains(name)) return files[name] == hash;
  }
  return std::any_of(files.begin(), files.end(),
                     [&](const nlohmann::json& recorded) { return recorded == hash; });
}

std::string StageRecord::reason(const Stage& stage) const {
  for (const std::string& output : stage.outputs) {
    if (!fs::exists(output)) return fmt::format("{} isn't there", output);
  }
  if (!record_.contains(stage.name) || record_[stage.name].value("running", false))
    return "it hasn't finished yet";
  const nlohmann::json& last = record_[stage.name];
  if (last.value("keys", "") != data::sha256_hex(stage.keys))
    return "its part of the config changed";
  if (last.value("model", "") != stage.model)
    return "the model changed (its config.json, tokenizer.json or model.safetensors differ from "
           "those of the last run)";
  // Older records don't have it.
  if (last.value("model_texts", stage.model_texts) != stage.model_texts)
    return "the model's generation_config.json or chat template changed";
  for (const std::string& input : stage.inputs) {
    if (!has_hash(last["inputs"], input)) return fmt::format("{} changed", input);
  }
  for (const std::string& output : stage.outputs) {
    if (!stage.nobody_edits) break;
    if (last.contains("outputs") && has_hash(last["outputs"], output)) continue;
    return fmt::format("{} isn't as it was made (damaged, or edited)", output);
  }
  return "";
}

std::string StageRecord::work_in_the_way(const Stage& stage) const {
  if (!stage.people_edit) return "";
  const nlohmann::json last = record_.value(stage.name, nlohmann::json::object());
  // Records of earlier versions don't say.
  if (!last.empty() && !last.value("running", false) && !last.contains("outputs")) return "";
  for (const std::string& output : stage.outputs) {
    if (fs::exists(output) && !(last.contains("outputs") && has_hash(last["outputs"], output)))
      return output;
  }
  return "";
}

Decision StageRecord::decide(const Stage& stage) const {
  const std::string why = reason(stage);
  if (why.empty()) return {};
  if (work_in_the_way(stage).empty()) return {Verdict::kRun, why};
  // Where it was killed they may be a person's, put there since.
  const bool was_made =
      record_.contains(stage.name) && !record_[stage.name].value("running", false);
  return {was_made ? Verdict::kRefuse : Verdict::kKeep, why};
}

void StageRecord::started(const Stage& stage) {
  nlohmann::json& entry = record_[stage.name];
  if (entry.is_null()) entry = {{"keys", ""}, {"inputs", nlohmann::json::object()}};
  entry["running"] = true;
  save();
}

void StageRecord::finished(const Stage& stage) {
  record_[stage.name] = {{"keys", data::sha256_hex(stage.keys)},
                         {"model", stage.model},
                         {"model_texts", stage.model_texts},
                         {"inputs", hashes_of(stage.inputs)}};
  if (stage.nobody_edits || stage.people_edit)
    record_[stage.name]["outputs"] = hashes_of(stage.outputs);
  save();
}

void StageRecord::failed(const Stage& stage) {
  nlohmann::json& entry = record_[stage.name];
  entry.erase("running");
  if (entry.value("keys", "").empty()) record_.erase(stage.name);
  save();
}

nlohmann::json StageRecord::hashes_of(const std::vector<std::string>& files) const {
  nlohmann::json hashes = nlohmann::json::object();
  for (const std::string& file : files)
    hashes[place_of(file, folder_)] = data::sha256_file_hex(file);
  return hashes;
}

void StageRecord::save() const { data::write_file_atomically(path_, record_.dump(2) + "\n"); }

}  // namespace candor::launch
