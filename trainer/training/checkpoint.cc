#include "trainer/training/checkpoint.h"

#include <ATen/ATen.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <limits>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "data_pipeline/files/atomic_file.h"
#include "data_pipeline/files/jsonl.h"
#include "data_pipeline/files/read_file.h"
#include "data_pipeline/files/safetensors.h"
#include "data_pipeline/files/sha256.h"
#include "trainer/training/adapter_files.h"

namespace candor {
namespace {

namespace fs = std::filesystem;
constexpr int64_t kCheckpointVersion = 2;
constexpr const char* kStateHash = "state_sha256";
constexpr const char* kOptimizer = "optimizer.safetensors";
constexpr const char* kParts[] = {"adapter_model.safetensors", "adapter_config.json", kOptimizer};

NamedTensor named(const std::string& name, const at::Tensor& tensor) {
  return {name,
          tensor.scalar_type() == at::kDouble ? DType::F64 : DType::F32,
          {tensor.numel()},
          {static_cast<const std::byte*>(tensor.const_data_ptr()), static_cast<size_t>(tensor.nbytes())}};
}

at::Tensor moment_of(const SafetensorsFile& file, const std::string& path, const std::string& name, const at::Tensor& like) {
  const auto found = file.tensors().find(name);
  if (found == file.tensors().end() || found->second.bytes.size() != static_cast<size_t>(like.nbytes())) {
    throw std::invalid_argument(
        fmt::format("{}: expected {} of {} bytes; the checkpoint is of another adapter or damaged", path, name, like.nbytes()));
  }
  at::Tensor tensor = at::empty_like(like, like.options().device(at::kCPU));
  std::memcpy(tensor.mutable_data_ptr(), found->second.bytes.data(), found->second.bytes.size());
  return tensor;
}

std::string state_path(const std::string& checkpoints, int64_t step) { return checkpoint_folder(checkpoints, step) + "/state.json"; }

// Of all that state.json says, but for this hash itself.
std::string hash_of_state(nlohmann::json json) {
  json.erase(kStateHash);
  return sha256_hex(json.dump());
}

// Throws nlohmann::json::exception for a key that is missing or of another type, std::invalid_argument for anything else that can't be right.
TrainState read_state(const nlohmann::json& json, const std::string& path) {
  if (json.at("format") != "candor checkpoint" || json.at("version") != kCheckpointVersion) {
    throw std::invalid_argument(fmt::format("{}: expected a candor checkpoint of version {}", path, kCheckpointVersion));
  }
  if (json.at(kStateHash) != hash_of_state(json)) throw std::invalid_argument(fmt::format("{}: its own SHA-256 differs", path));
  const nlohmann::json& brier = json.at("best_brier");
  return {.step = json.at("step"),
          .best_step = json.at("best_step"),
          .best_brier = brier.is_null() ? std::numeric_limits<double>::infinity() : brier.get<double>(),
          .skipped_steps = json.value("skipped_steps", int64_t{0}),
          .identity = json.at("identity"),
          .base_model = json.at("base_model")};
}

}  // namespace

std::string checkpoint_folder(const std::string& checkpoints, int64_t step) { return fmt::format("{}/step_{:06}", checkpoints, step); }

TrainingSnapshot training_snapshot(const TrainState& state, const LoraAdapter& adapter, const AdamW& optimizer) {
  const auto copy = [](const at::Tensor& tensor) { return tensor.is_cpu() ? tensor.clone() : tensor.cpu(); };
  return {state, copy(adapter.parameters()), copy(optimizer.first_moment()), copy(optimizer.second_moment())};
}

void go_back_to(const TrainingSnapshot& snapshot, TrainState& state, LoraAdapter& adapter, AdamW& optimizer) {
  state = snapshot.state;
  adapter.parameters().copy_(snapshot.parameters);
  optimizer.restore(snapshot.first_moment, snapshot.second_moment, snapshot.state.step - snapshot.state.skipped_steps);
}

void write_checkpoint(const std::string& checkpoints, const TrainingSnapshot& snapshot, const LoraAdapter& layout,
                      const std::function<void()>& before_rename) {
  const TrainState& state = snapshot.state;
  const std::string final_name = checkpoint_folder(checkpoints, state.step), folder = final_name + ".tmp";
  fs::remove_all(folder);
  fs::create_directories(folder);
  LoraAdapter adapter = layout;
  adapter.parameters() = snapshot.parameters;
  write_adapter(folder, adapter, state.base_model);
  write_safetensors(folder + "/optimizer.safetensors", {named("exp_avg", snapshot.first_moment), named("exp_avg_sq", snapshot.second_moment)});
  nlohmann::ordered_json json;
  json["format"] = "candor checkpoint";
  json["version"] = kCheckpointVersion;
  json["step"] = state.step;
  json["best_step"] = state.best_step;
  json["best_brier"] = state.best_step > 0 ? nlohmann::ordered_json(state.best_brier) : nlohmann::ordered_json(nullptr);  // JSON has no infinity
  json["skipped_steps"] = state.skipped_steps;
  json["identity"] = state.identity;
  json["base_model"] = state.base_model;
  for (const char* part : kParts) {
    const std::string path = folder + "/" + part;
    json["files"][part] = {{"size", fs::file_size(path)}, {"sha256", sha256_file_hex(path)}};
  }
  json[kStateHash] = hash_of_state(nlohmann::json(json));
  write_file_atomically(folder + "/state.json", json.dump(2) + "\n");
  if (before_rename) before_rename();
  fs::remove_all(final_name);
  fs::rename(folder, final_name);
  flush_folder(checkpoints);
}

std::vector<int64_t> checkpoint_steps(const std::string& checkpoints) {
  std::vector<int64_t> steps;
  if (!fs::is_directory(checkpoints)) return steps;
  for (const fs::directory_entry& entry : fs::directory_iterator(checkpoints)) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with("step_") || name.size() < 6 || name.find_first_not_of("0123456789", 5) != std::string::npos) continue;
    if (fs::exists(entry.path() / "state.json")) steps.push_back(std::stoll(name.substr(5)));
  }
  std::sort(steps.begin(), steps.end());
  return steps;
}

std::string checkpoint_identity(const std::string& checkpoints, int64_t step) {
  const nlohmann::json json = nlohmann::json::parse(read_file(state_path(checkpoints, step)), nullptr, /*allow_exceptions=*/false);
  if (!json.is_object() || json.value(kStateHash, nlohmann::json()) != hash_of_state(json)) return "";
  const auto found = json.find("identity");
  return found != json.end() && found->is_string() ? found->get<std::string>() : "";
}

std::string checkpoint_damage(const std::string& checkpoints, int64_t step, bool adapter_only) {
  const std::string folder = checkpoint_folder(checkpoints, step), path = state_path(checkpoints, step);
  try {
    const nlohmann::json json = parse_json(read_file(path), path);
    read_state(json, path);
    for (const char* part : kParts) {
      if (adapter_only && part == std::string_view(kOptimizer)) continue;
      const std::string file = folder + "/" + part;
      const nlohmann::json& expected = json.at("files").at(part);
      if (!fs::exists(file)) return fmt::format("{}: damaged (it is missing)", file);
      if (const auto size = fs::file_size(file); size != expected.at("size").get<uint64_t>()) {
        return fmt::format("{}: damaged ({} bytes, state.json says {})", file, size, expected.at("size").get<uint64_t>());
      }
      if (sha256_file_hex(file) != expected.at("sha256")) return fmt::format("{}: damaged (its SHA-256 differs from the one in state.json)", file);
    }
  } catch (const nlohmann::json::exception& error) {
    return fmt::format("{}: damaged ({})", path, error.what());
  } catch (const std::invalid_argument& error) {
    return fmt::format("{}: damaged ({})", path, error.what());  // a disk that fails to read it isn't damage, and is thrown
  }
  return "";
}

int64_t checkpoint_best_step(const std::string& checkpoints, int64_t step) {
  const std::string path = state_path(checkpoints, step);
  return read_state(parse_json(read_file(path), path), path).best_step;
}

TrainState read_checkpoint(const std::string& checkpoints, int64_t step, const std::string& identity, const ModelConfig& config, LoraAdapter& adapter,
                           AdamW& optimizer) {
  const std::string folder = checkpoint_folder(checkpoints, step), path = state_path(checkpoints, step);
  if (const std::string damage = checkpoint_damage(checkpoints, step); !damage.empty()) {
    throw std::invalid_argument(fmt::format("{}; remove {} to go on from an earlier checkpoint", damage, folder));
  }
  const nlohmann::json json = parse_json(read_file(path), path);
  const TrainState state = read_state(json, path);
  if (state.identity != identity) {
    throw std::invalid_argument(
        fmt::format("{}: this checkpoint is of another run (its data, options, threads, processor or dtype differ): expected identity {:.12}, got "
                    "{:.12}; use the "
                    "config it was made with, or another run.dir",
                    path, identity, state.identity));
  }
  const LoraAdapter stored = read_adapter(folder, config, adapter.parameters().scalar_type());
  if (stored.parameters().numel() != adapter.parameters().numel())
    throw std::invalid_argument(fmt::format("{}: its adapter has another shape", folder));
  adapter.parameters().copy_(stored.parameters());
  const std::string moments = folder + "/optimizer.safetensors";
  const SafetensorsFile file(moments);
  optimizer.restore(moment_of(file, moments, "exp_avg", adapter.parameters()), moment_of(file, moments, "exp_avg_sq", adapter.parameters()),
                    state.step - state.skipped_steps);
  return state;
}

void prune_checkpoints(const std::string& checkpoints, int64_t keep, int64_t best_step) {
  const std::vector<int64_t> steps = checkpoint_steps(checkpoints);
  for (size_t i = 0; i + static_cast<size_t>(keep) < steps.size(); ++i) {
    if (steps[i] != best_step) fs::remove_all(checkpoint_folder(checkpoints, steps[i]));
  }
}

}  // namespace candor
