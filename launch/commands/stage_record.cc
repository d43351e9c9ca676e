#include "launch/commands/stage_record.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <stdexcept>

#include "data_pipeline/files/atomic_file.h"
#include "data_pipeline/files/jsonl.h"
#include "data_pipeline/files/read_file.h"
#include "data_pipeline/files/sha256.h"

namespace candor {

StageRecord::StageRecord(std::string path) : path_(std::move(path)) {
  if (std::filesystem::exists(path_)) record_ = parse_json(read_file(path_), path_);
  const auto is_stage = [](const nlohmann::json& stage) {
    return stage.is_object() && stage.contains("keys") && stage["keys"].is_string() && stage.contains("inputs") && stage["inputs"].is_object() &&
           std::all_of(stage["inputs"].begin(), stage["inputs"].end(), [](const nlohmann::json& hash) { return hash.is_string(); });
  };
  if (!record_.is_object() || !std::all_of(record_.begin(), record_.end(), is_stage)) {
    throw std::invalid_argument(
        fmt::format("{}: expected an object of stages, each with keys (a text) and inputs (texts); remove the file to do all stages anew", path_));
  }
}

std::string StageRecord::reason(const Stage& stage) const {
  for (const std::string& output : stage.outputs) {
    if (!std::filesystem::exists(output)) return fmt::format("{} isn't there", output);
  }
  if (!record_.contains(stage.name)) return "it hasn't finished yet";
  const nlohmann::json& last = record_[stage.name];
  if (last.value("keys", "") != sha256_hex(stage.keys)) return "its part of the config changed";
  if (last.value("model", "") != stage.model) return "the model changed (its config.json, tokenizer.json or weights)";
  for (const std::string& input : stage.inputs) {
    if (last["inputs"].value(input, "") != sha256_file_hex(input)) return fmt::format("{} changed", input);
  }
  for (const std::string& output : stage.kept) {
    if (last.contains("outputs") && last["outputs"].value(output, "") == sha256_file_hex(output)) continue;
    return fmt::format("{} isn't as it was made (damaged, or edited)", output);
  }
  return "";
}

void StageRecord::started(const Stage& stage) {
  record_.erase(stage.name);
  save();
}

void StageRecord::finished(const Stage& stage) {
  nlohmann::json inputs = nlohmann::json::object();
  for (const std::string& input : stage.inputs) inputs[input] = sha256_file_hex(input);
  nlohmann::json outputs = nlohmann::json::object();
  for (const std::string& output : stage.kept) outputs[output] = sha256_file_hex(output);
  record_[stage.name] = {{"keys", sha256_hex(stage.keys)}, {"model", stage.model}, {"inputs", inputs}, {"outputs", outputs}};
  save();
}

void StageRecord::save() const { write_file_atomically(path_, record_.dump(2) + "\n"); }

}  // namespace candor
