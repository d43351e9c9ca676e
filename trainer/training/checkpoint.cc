#include "trainer/training/checkpoint.h"

#include <ATen/ATen.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <stdexcept>

#include "data_pipeline/files/atomic_file.h"
#include "data_pipeline/files/read_file.h"
#include "data_pipeline/files/safetensors.h"
#include "data_pipeline/files/sha256.h"
#include "trainer/model/adapter_files.h"

namespace candor::trainer {
namespace {

namespace fs = std::filesystem;
constexpr const char* kOptimizer = "optimizer.safetensors";
constexpr const char* kParts[] = {"adapter_model.safetensors", "adapter_config.json", kOptimizer};

data::NamedTensor named(const std::string& name, const at::Tensor& tensor) {
  return {name,
          tensor.scalar_type() == at::kDouble ? data::DType::F64 : data::DType::F32,
          {tensor.numel()},
          {static_cast<const std::byte*>(tensor.const_data_ptr()),
           static_cast<size_t>(tensor.nbytes())}};
}

at::Tensor moment_of(const data::SafetensorsFile& file, const std::string& path,
                     const std::string& name, const at::Tensor& like) {
  const auto found = file.tensors().find(name);
  if (found == file.tensors().end() ||
      found->second.bytes.size() != static_cast<size_t>(like.nbytes())) {
    throw std::invalid_argument(
        fmt::format("{}: expected {} of {} bytes; the checkpoint is of another adapter or damaged",
                    path, name, like.nbytes()));
  }
  at::Tensor tensor = at::empty_like(like, like.options().device(at::kCPU));
  std::memcpy(tensor.mutable_data_ptr(), found->second.bytes.data(), found->second.bytes.size());
  return tensor;
}

std::string state_path(const std::string& checkpoints, int64_t step) {
  return checkpoint_folder(checkpoints, step) + "/state.json";
}

CheckpointManifest read_manifest(const std::string& checkpoints, int64_t step) {
  const std::string path = state_path(checkpoints, step);
  return parse_manifest(data::read_file(path), path);
}

}  // namespace

std::string checkpoint_folder(const std::string& checkpoints, int64_t step) {
  return fmt::format("{}/step_{:06}", checkpoints, step);
}

std::vector<std::string> checkpoint_files(const std::string& checkpoints, int64_t step) {
  std::vector<std::string> files;
  for (const char* part : kParts)
    files.push_back(checkpoint_folder(checkpoints, step) + "/" + part);
  files.push_back(state_path(checkpoints, step));
  return files;
}

TrainingSnapshot training_snapshot(const TrainState& state, const LoraAdapter& adapter,
                                   const AdamW& optimizer) {
  const auto copy = [](const at::Tensor& tensor) {
    return tensor.is_cpu() ? tensor.clone() : tensor.cpu();
  };
  return {state, copy(adapter.parameters()), copy(optimizer.first_moment()),
          copy(optimizer.second_moment())};
}

void go_back_to(const TrainingSnapshot& snapshot, TrainState& state, LoraAdapter& adapter,
                AdamW& optimizer) {
  state = snapshot.state;
  adapter.parameters().copy_(snapshot.parameters);
  optimizer.restore(snapshot.first_moment, snapshot.second_moment,
                    snapshot.state.step - snapshot.state.skipped_steps);
}

void write_checkpoint(const std::string& checkpoints, const TrainingSnapshot& snapshot,
                      const LoraAdapter& layout, const std::function<void()>& before_rename) {
  const TrainState& state = snapshot.state;
  const std::string final_name = checkpoint_folder(checkpoints, state.step),
                    folder = final_name + ".tmp";
  fs::remove_all(folder);
  fs::create_directories(folder);
  LoraAdapter adapter = layout;
  adapter.parameters() = snapshot.parameters;
  write_adapter(folder, adapter, state.base_model);
  data::write_safetensors(
      folder + "/optimizer.safetensors",
      {named("exp_avg", snapshot.first_moment), named("exp_avg_sq", snapshot.second_moment)});
  CheckpointManifest manifest{.state = state};
  for (const char* part : kParts) {
    const std::string path = folder + "/" + part;
    manifest.files[part] = {.size_bytes = fs::file_size(path),
                            .sha256 = data::sha256_file_hex(path)};
  }
  data::write_file_atomically(folder + "/state.json", manifest_text(manifest));
  if (before_rename) before_rename();
  fs::remove_all(final_name);
  fs::rename(folder, final_name);
  data::flush_folder(checkpoints);
}

std::vector<int64_t> checkpoint_steps(const std::string& checkpoints) {
  std::vector<int64_t> steps;
  if (!fs::is_directory(checkpoints)) return steps;
  for (const fs::directory_entry& entry : fs::directory_iterator(checkpoints)) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with("step_") || name.size() < 6) continue;
    int64_t step = 0;
    const auto [end, error] = std::from_chars(name.data() + 5, name.data() + name.size(), step);
    if (error != std::errc() || end != name.data() + name.size() || step < 0) continue;  // not ours
    if (fs::exists(entry.path() / "state.json")) steps.push_back(step);
  }
  std::sort(steps.begin(), steps.end());
  return steps;
}

std::string checkpoint_identity(const std::string& checkpoints, int64_t step) {
  try {
    return read_manifest(checkpoints, step).state.identity;
  } catch (const std::invalid_argument&) {
    return "";
  }
}

std::string checkpoint_damage(const std::string& checkpoints, int64_t step, bool adapter_only) {
  const std::string folder = checkpoint_folder(checkpoints, step),
                    path = state_path(checkpoints, step);
  CheckpointManifest manifest;
  try {
    manifest = read_manifest(checkpoints, step);
  } catch (const std::invalid_argument& error) {
    return fmt::format("{}: damaged ({})", path,
                       error.what());  // a disk that fails to read it isn't damage, and is thrown
  }
  for (const char* part : kParts) {
    if (adapter_only && part == std::string_view(kOptimizer)) continue;
    const std::string file = folder + "/" + part;
    const auto expected = manifest.files.find(part);
    if (expected == manifest.files.end())
      return fmt::format("{}: damaged (it doesn't name {})", path, part);
    if (!fs::exists(file)) return fmt::format("{}: damaged (it is missing)", file);
    if (const auto size = fs::file_size(file); size != expected->second.size_bytes) {
      return fmt::format("{}: damaged ({} bytes, state.json says {})", file, size,
                         expected->second.size_bytes);
    }
    if (data::sha256_file_hex(file) != expected->second.sha256) {
      return fmt::format("{}: damaged (its SHA-256 differs from the one in state.json)", file);
    }
  }
  return "";
}

int64_t checkpoint_best_step(const std::string& checkpoints, int64_t step) {
  return read_manifest(checkpoints, step).state.best_step;
}

TrainState read_checkpoint(const std::string& checkpoints, int64_t step,
                           const std::string& identity, const ModelConfig& config,
                           LoraAdapter& adapter, AdamW& optimizer) {
  const std::string folder = checkpoint_folder(checkpoints, step),
                    path = state_path(checkpoints, step);
  if (const std::string damage = checkpoint_damage(checkpoints, step); !damage.empty()) {
    throw std::invalid_argument(
        fmt::format("{}; remove {} to go on from an earlier checkpoint", damage, folder));
  }
  const TrainState state = read_manifest(checkpoints, step).state;
  if (state.identity != identity) {
    throw std::invalid_argument(
        fmt::format("{}: this checkpoint is of another run (its data, options, threads, processor "
                    "or dtype differ): expected identity {:.12}, got "
                    "{:.12}; use the "
                    "config it was made with, or another run.dir",
                    path, identity, state.identity));
  }
  const LoraAdapter stored = read_adapter(folder, config, adapter.parameters().scalar_type());
  if (stored.parameters().numel() != adapter.parameters().numel())
    throw std::invalid_argument(fmt::format("{}: its adapter has another shape", folder));
  adapter.parameters().copy_(stored.parameters());
  const std::string moments = folder + "/optimizer.safetensors";
  const data::SafetensorsFile file(moments);
  optimizer.restore(moment_of(file, moments, "exp_avg", adapter.parameters()),
                    moment_of(file, moments, "exp_avg_sq", adapter.parameters()),
                    state.step - state.skipped_steps);
  return state;
}

void prune_checkpoints(const std::string& checkpoints, int64_t keep, int64_t best_step) {
  const std::vector<int64_t> steps = checkpoint_steps(checkpoints);
  for (size_t i = 0; i + static_cast<size_t>(keep) < steps.size(); ++i) {
    if (steps[i] != best_step) fs::remove_all(checkpoint_folder(checkpoints, steps[i]));
  }
}

}  // namespace candor::trainer
