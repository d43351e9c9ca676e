#include "launch/commands/doctor_command.h"

#include <ATen/Parallel.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <torch/headeronly/version.h>

#include <cstdlib>
#include <nlohmann/json.hpp>
#include <set>

#include "comm/device_group.h"
#include "comm/host_name.h"
#include "comm/mpi_version.h"
#include "data_pipeline/tokenizer/pcre2_version.h"
#include "data_pipeline/tokens/hdf5_version.h"
#include "launch/commands/processor.h"

namespace candor {
namespace {

std::vector<std::string> gpu_names() {
  std::vector<std::string> names;
  for (int device = 0; device < visible_gpus(); ++device) names.push_back(gpu_name(device));
  return names;
}

void print_build() {
  fmt::print("candor {}, {} build by {} {}, {}\n", CANDOR_VERSION, CANDOR_BUILD_TYPE, CANDOR_COMPILER, __VERSION__, CANDOR_BACKENDS);
  fmt::print("  libtorch {}\n  {}\n  HDF5 {}\n  PCRE2 {}\n  yaml-cpp {}\n", TORCH_VERSION, mpi_library_version(), hdf5_library_version(),
             pcre2_library_version(), CANDOR_YAML_CPP_VERSION);
}

void print_ranks(const std::vector<std::string>& ranks) {
  std::set<std::string> kinds, threads;
  for (size_t rank = 0; rank < ranks.size(); ++rank) {
    const nlohmann::json r = nlohmann::json::parse(ranks[rank]);
    fmt::print(
        "rank {} of {}: host {}, local rank {} of {}, {} threads, {}\n", rank, ranks.size(), r["host"].get<std::string>(), r["local_rank"].get<int>(),
        r["local_world_size"].get<int>(), r["threads"].get<int>(),
        r["gpus"].empty() ? "no GPU that this build can use" : fmt::format("GPUs: {}", fmt::join(r["gpus"].get<std::vector<std::string>>(), ", ")));
    fmt::print("  {} [{}], {}\n", r["processor"].get<std::string>(), r["kind"].get<std::string>(), r["features"].get<std::string>());
    kinds.insert(r["kind"].get<std::string>());
    threads.insert(r["threads"].dump());
  }
  if (kinds.size() > 1)
    fmt::print("WARNING: the hosts have different processors; commands refuse to mix them, because results would depend on who computes what\n");
  if (threads.size() > 1) fmt::print("WARNING: the ranks have different numbers of threads; set run.threads_per_rank\n");
  if (ranks.size() == 1) fmt::print("one rank; for more: mpirun -np N --bind-to none candor ...\n");
}

}  // namespace

int doctor_command(CommandContext& context) {
  const RankInfo info = context.group.rank_info();
  const Processor processor = this_processor();
  const nlohmann::json mine = {{"host", host_name()},
                               {"local_rank", info.local_rank},
                               {"local_world_size", info.local_world_size},
                               {"threads", at::get_num_threads()},
                               {"gpus", gpu_names()},
                               {"processor", processor.name},
                               {"kind", processor.kind},
                               {"features", processor.features}};
  const std::vector<std::string> ranks = context.group.all_gather_bytes(mine.dump());
  if (info.rank == 0) {
    print_build();
    print_ranks(ranks);
  }
  return 0;
}

}  // namespace candor
