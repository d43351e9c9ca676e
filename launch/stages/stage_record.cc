#include "launch/stages/stage_record.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <stdexcept>

#include "data_pipeline/files/atomic_file.h"
#include "data_pipeline/files/jsonl.h"
#include "data_pipeline/files/read_file.h"
#include "data_pipeline/files/sha256.h"
#include "launch/stages/kept_beside.h"

namespace candor::launch {
namespace {

namespace fs = std::filesystem;

// A file of the run folder by its name there, any other by its full path.
std::string place_of(const std::string& file, const std::string& folder) {
  const fs::path whole = fs::weakly_canonical(fs::absolute(file)),
                 inside = whole.lexically_relative(fs::weakly_canonical(fs::absolute(folder)));
  return inside.empty() || *inside.begin() == ".." ? whole.string() : inside.string();
}

std::vector<std::string> those_there(const std::vector<std::string>& files) {
  std::vector<std::string> there;
  for (const std::string& file : files) {
    if (fs::exists(file)) there.push_back(file);
  }
  return there;
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
         (!stage.contains("claimed") || has_hashes("claimed")) &&
         (!stage.contains("running") || stage["running"].is_boolean());
}

}  // namespace

nlohmann::json StageRecord::read() const {
  nlohmann::json record = nlohmann::json::object();
  if (fs::exists(path_)) record = data::parse_json(data::read_file(path_), path_);
  if (!record.is_object() || !std::all_of(record.begin(), record.end(), is_stage)) {
    throw std::invalid_argument(
        fmt::format("{}: expected an object of stages, each with keys (a text) and inputs (texts); "
                    "remove the file: answers and grades that are there are then kept, and the "
                    "other stages done anew",
                    path_));
  }
  return record;
}

void StageRecord::write(const nlohmann::json& record) const {
  data::write_file_atomically(path_, record.dump(2) + "\n");
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

std::string StageRecord::reason(const nlohmann::json& record, const Stage& stage) const {
  for (const std::string& output : stage.outputs) {
    if (!fs::exists(output)) return fmt::format("{} isn't there", output);
  }
  if (!record.contains(stage.name) || record[stage.name].value("running", false))
    return "it hasn't finished yet";
  const nlohmann::json& last = record[stage.name];
  if (last.value("keys", "") != data::sha256_hex(stage.keys))
    return "its part of the config changed";
  if (last.value("model", "") != stage.model)
    return "the model changed (its config.json, tokenizer.json or model.safetensors differ from "
           "those of the last run)";
  // Older records don't have it.
  if (last.value("model_texts", stage.model_texts) != stage.model_texts)
    return "the model's generation_config.json or chat template changed";
  for (const std::string& input : stage.inputs) {
    if (!fs::exists(input)) return fmt::format("{} isn't there", input);
    if (!has_hash(last["inputs"], input)) return fmt::format("{} changed", input);
  }
  for (const std::string& output : stage.outputs) {
    if (!stage.nobody_edits) break;
    if (last.contains("outputs") && has_hash(last["outputs"], output)) continue;
    return fmt::format("{} isn't as it was made (damaged, or edited)", output);
  }
  return "";
}

// Entries of earlier versions don't say.
bool StageRecord::is_own(const nlohmann::json& record, const Stage& stage,
                         const std::string& output) const {
  if (!record.contains(stage.name)) return false;
  const nlohmann::json& last = record[stage.name];
  if (!last.contains("outputs")) return true;
  return has_hash(last["outputs"], output) ||
         (last.contains("claimed") && has_hash(last["claimed"], output));
}

std::string StageRecord::work_in_the_way(const Stage& stage) const {
  if (!stage.people_edit) return "";
  const nlohmann::json record = read();
  for (const std::string& output : those_there(stage.outputs)) {
    if (!is_own(record, stage, output)) return output;
  }
  return "";
}

Decision StageRecord::decide(const Stage& stage) const {
  const nlohmann::json record = read();
  const std::string why = reason(record, stage);
  if (why.empty()) return {};
  if (work_in_the_way(stage).empty()) return {Verdict::kRun, why};
  const bool was_made = record.contains(stage.name) && record[stage.name].contains("outputs") &&
                        !record[stage.name]["outputs"].empty();
  return {was_made ? Verdict::kRefuse : Verdict::kKeep, why};
}

WritingBegun StageRecord::begin_writing(const Stage& stage) const {
  nlohmann::json record = read();
  WritingBegun begun;
  std::vector<std::string> own;
  for (const std::string& output : stage.outputs) {
    if (!fs::exists(output)) continue;  // also where it went with the one before
    if (is_own(record, stage, output)) {
      own.push_back(output);
    } else if (!stage.people_edit) {
      // A file in a folder of its own within the run folder goes with that folder.
      const fs::path parent = fs::path(output).parent_path();
      const bool of_folder = !fs::equivalent(parent, folder_);
      const std::string aside = keep_beside(of_folder ? parent.string() : output);
      begun.said.push_back(
          fmt::format("{} isn't as candor is known to have made it: it is kept{} as {}", output,
                      of_folder ? ", with its folder," : "", aside));
    }
  }
  nlohmann::json& entry = record[stage.name];
  begun.entry_before = entry;
  begun.outputs_before = hashes_of(those_there(stage.outputs));
  if (entry.is_null()) entry = {{"keys", ""}, {"inputs", nlohmann::json::object()}};
  entry["running"] = true;
  entry["outputs"] = hashes_of(those_there(own));
  entry.erase("claimed");
  write(record);
  return begun;
}

void StageRecord::claim(const Stage& stage, const std::string& output,
                        const std::string& temporary) const {
  nlohmann::json record = read();
  record[stage.name]["claimed"][place_of(output, folder_)] = data::sha256_file_hex(temporary);
  write(record);
}

void StageRecord::ended_in_part(const Stage& stage) const {
  nlohmann::json record = read();
  record[stage.name]["outputs"] = hashes_of(those_there(stage.outputs));
  write(record);
}

void StageRecord::failed(const Stage& stage, const WritingBegun& begun) const noexcept {
  try {
    const nlohmann::json outputs = hashes_of(those_there(stage.outputs));
    nlohmann::json record = read();
    if (outputs != begun.outputs_before) {
      record[stage.name]["outputs"] = outputs;  // candor made what is new
    } else if (begun.entry_before.is_null()) {
      record.erase(stage.name);
    } else {
      record[stage.name] = begun.entry_before;
    }
    write(record);
  } catch (const std::exception&) {
    // The entry stays as one that hasn't finished.
  }
}

void StageRecord::finished(const Stage& stage) const {
  nlohmann::json record = read();
  record[stage.name] = {{"keys", data::sha256_hex(stage.keys)},
                        {"model", stage.model},
                        {"model_texts", stage.model_texts},
                        {"inputs", hashes_of(stage.inputs)},
                        {"outputs", hashes_of(stage.outputs)}};
  write(record);
}

nlohmann::json StageRecord::hashes_of(const std::vector<std::string>& files) const {
  nlohmann::json hashes = nlohmann::json::object();
  for (const std::string& file : files)
    hashes[place_of(file, folder_)] = data::sha256_file_hex(file);
  return hashes;
}

}  // namespace candor::launch
