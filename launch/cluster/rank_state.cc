#include "launch/cluster/rank_state.h"

#include <ATen/Parallel.h>
#include <ATen/Version.h>
#include <fmt/format.h>
#include <torch/headeronly/version.h>
#include <unistd.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "comm/device_group.h"
#include "comm/host_name.h"
#include "comm/mpi_version.h"
#include "data_pipeline/files/sha256.h"
#include "data_pipeline/tokens/hdf5_version.h"
#include "launch/config/run_config.h"
#include "launch/ranks/exit_codes.h"
#include "launch/ranks/processor.h"
#include "launch/ranks/thread_environment.h"

namespace candor::launch {

NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(RankState, host, local_rank, local_world_size, threads, cores,
                                   host_cores, memory_bytes, candor, executable, libtorch, mpi,
                                   hdf5, processor, kind, features, gpus, has_gpu, config_problem,
                                   config_yaml, device, questions, model, questions_problem,
                                   model_problem)

namespace {

// As the library that was loaded calls itself, which need not be the one that was compiled against.
std::string libtorch_version() {
  const std::string text = at::show_config(), key = "TORCH_VERSION=";
  const size_t at = text.find(key);
  if (at == std::string::npos) return TORCH_VERSION;
  const size_t begin = at + key.size();
  return text.substr(begin, text.find_first_of(", \n", begin) - begin);
}

int64_t available_memory_bytes() {
  std::ifstream file("/proc/meminfo");
  for (std::string key; file >> key;) {
    if (key == "MemAvailable:") {
      int64_t kilobytes = 0;
      file >> kilobytes;
      return kilobytes * 1024;
    }
  }
  return 0;
}

void read_config(const std::string& path, const std::vector<std::string>& overrides,
                 RankState& state) {
  try {
    RunConfig config = read_run_config(path, overrides);
    state.device = trainer::choice_name(config.model.device);
    config.run.threads_per_rank = 0;
    state.config_yaml = to_yaml(config);
  } catch (const std::exception&) {
    state.config_problem = describe_failure(std::current_exception()).message;
  }
}

}  // namespace

RankState this_rank_state(const comm::RankInfo& info, const std::string& config_path,
                          const std::vector<std::string>& overrides) {
  const Processor processor = this_processor();
  const CoreCount cores = usable_cores();
  RankState state{
      .host = comm::host_name(),
      .local_rank = info.local_rank,
      .local_world_size = info.local_world_size,
      .threads = at::get_num_threads(),
      .cores = cores.of_this_rank,
      .host_cores = cores.of_its_host,
      .memory_bytes = available_memory_bytes(),
      .candor = fmt::format("{} {} {}", CANDOR_VERSION, CANDOR_BUILD_TYPE, CANDOR_BACKENDS),
      .executable = data::sha256_file_hex("/proc/self/exe"),
      .libtorch = libtorch_version(),
      .mpi = comm::mpi_library_version(),
      .hdf5 = data::hdf5_library_version(),
      .processor = processor.name,
      .kind = processor.kind,
      .features = processor.features,
      .has_gpu = comm::gpu_of(info) >= 0};
  for (int device = 0; device < comm::visible_gpus(); ++device)
    state.gpus.push_back(comm::gpu_name(device));
  if (!config_path.empty()) read_config(config_path, overrides, state);
  return state;
}

std::string to_text(const RankState& state) {
  return nlohmann::json(state).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

RankState rank_state_of(const std::string& text) {
  return nlohmann::json::parse(text).get<RankState>();
}

}  // namespace candor::launch
