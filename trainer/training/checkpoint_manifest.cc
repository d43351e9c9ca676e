#include "trainer/training/checkpoint_manifest.h"

#include <fmt/format.h>

#include <limits>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "data_pipeline/files/jsonl.h"
#include "data_pipeline/files/sha256.h"

namespace candor::trainer {
namespace {

constexpr int64_t kManifestVersion = 2;
constexpr const char* kOwnHash = "state_sha256";

// Of all that it says, but for this hash itself.
std::string own_hash(nlohmann::json json) {
  json.erase(kOwnHash);
  return data::sha256_hex(json.dump());
}

int64_t count_of(const nlohmann::json& value, const char* key) {
  if (!value.is_number_integer() || value.get<int64_t>() < 0)
    throw std::invalid_argument(fmt::format("{}: expected a count, got {}", key, value.dump()));
  return value.get<int64_t>();
}

CheckpointManifest manifest_of(const nlohmann::json& json) {
  if (!json.is_object() || json.value("format", nlohmann::json()) != "candor checkpoint" ||
      json.at("version") != kManifestVersion) {
    throw std::invalid_argument(
        fmt::format("expected a candor checkpoint of version {}", kManifestVersion));
  }
  if (json.at(kOwnHash) != own_hash(json)) throw std::invalid_argument("its own SHA-256 differs");
  const nlohmann::json& brier = json.at("best_brier");
  CheckpointManifest manifest{
      .state = {.step = count_of(json.at("step"), "step"),
                .best_step = count_of(json.at("best_step"), "best_step"),
                .best_brier =
                    brier.is_null() ? std::numeric_limits<double>::infinity() : brier.get<double>(),
                .skipped_steps =
                    count_of(json.value("skipped_steps", nlohmann::json(0)), "skipped_steps"),
                .identity = json.at("identity"),
                .base_model = json.at("base_model")}};
  for (const auto& [name, stamp] : json.at("files").items()) {
    manifest.files[name] = {.size_bytes = static_cast<uint64_t>(count_of(stamp.at("size"), "size")),
                            .sha256 = stamp.at("sha256")};
  }
  return manifest;
}

}  // namespace

std::string manifest_text(const CheckpointManifest& manifest) {
  const TrainState& state = manifest.state;
  nlohmann::ordered_json json;
  json["format"] = "candor checkpoint";
  json["version"] = kManifestVersion;
  json["step"] = state.step;
  json["best_step"] = state.best_step;
  json["best_brier"] = state.best_step > 0
                           ? nlohmann::ordered_json(state.best_brier)
                           : nlohmann::ordered_json(nullptr);  // JSON has no infinity
  json["skipped_steps"] = state.skipped_steps;
  json["identity"] = state.identity;
  json["base_model"] = state.base_model;
  for (const auto& [name, stamp] : manifest.files)
    json["files"][name] = {{"size", stamp.size_bytes}, {"sha256", stamp.sha256}};
  json[kOwnHash] = own_hash(nlohmann::json(json));
  return json.dump(2) + "\n";
}

CheckpointManifest parse_manifest(std::string_view text, const std::string& path) {
  try {
    return manifest_of(data::parse_json(text, path));
  } catch (const nlohmann::json::exception& error) {
    throw std::invalid_argument(fmt::format("{}: {}", path, error.what()));
  } catch (const std::invalid_argument& error) {
    const std::string what = error.what();
    throw std::invalid_argument(what.starts_with(path) ? what : fmt::format("{}: {}", path, what));
  }
}

}  // namespace candor::trainer
