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

nlohmann::json hashes_of(const std::vector<std::string>& files) {
  nlohmann::json hashes = nlohmann::json::object();
  for (const std::string& file : files) hashes[file] = data::sha256_file_hex(file);
  return hashes;
}

}  // namespace

StageRecord::StageRecord(std::string path) : path_(std::move(path)) {
  if (std::filesystem::exists(path_)) record_ = data::parse_json(data::read_file(path_), path_);
  const auto has_hashes = [](const nlohmann::json& stage, const char* files) {
    return stage.contains(files) && stage[files].is_object() &&
           std::all_of(stage[files].begin(), stage[files].end(),
                       [](const nlohmann::json& hash) { return hash.is_string(); });
  };
  const auto is_stage = [&](const nlohmann::json& stage) {
    return stage.is_object() && stage.contains("keys") && stage["keys"].is_string() &&
           has_hashes(stage, "inputs") &&
           (!stage.contains("model") || stage["model"].is_string()) &&
           (!stage.contains("model_texts") || stage["model_texts"].is_string()) &&
           (!stage.contains("outputs") || has_hashes(stage, "outputs"));
  };
  if (!record_.is_object() || !std::all_of(record_.begin(), record_.end(), is_stage)) {
    throw std::invalid_argument(
        fmt::format("{}: expected an object of stages, each with keys (a text) and inputs (texts); "
                    "remove the file to do all stages anew",
                    path_));
  }
}

std::string StageRecord::reason(const Stage& stage) const {
  for (const std::string& output : stage.outputs) {
    if (!std::filesystem::exists(output)) return fmt::format("{} isn't there", output);
  }
  if (!record_.contains(stage.name)) return "it hasn't finished yet";
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
    if (last["inputs"].value(input, "") != data::sha256_file_hex(input))
      return fmt::format("{} changed", input);
  }
  for (const std::string& output : stage.outputs) {
    if (!stage.nobody_edits) break;
    if (last.contains("outputs") &&
        last["outputs"].value(output, "") == data::sha256_file_hex(output))
      continue;
    return fmt::format("{} isn't as it was made (damaged, or edited)", output);
  }
  return "";
}

void StageRecord::started(const Stage& stage) {
  record_.erase(stage.name);
  save();
}

void StageRecord::finished(const Stage& stage) {
  record_[stage.name] = {{"keys", data::sha256_hex(stage.keys)},
                         {"model", stage.model},
                         {"model_texts", stage.model_texts},
                         {"inputs", hashes_of(stage.inputs)}};
  if (stage.nobody_edits) record_[stage.name]["outputs"] = hashes_of(stage.outputs);
  save();
}

void StageRecord::save() const { data::write_file_atomically(path_, record_.dump(2) + "\n"); }

}  // namespace candor::launch
