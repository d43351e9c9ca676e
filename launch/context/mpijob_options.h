// What `candor k8s` is asked for beside the config.
#pragma once

#include <cstdint>
#include <string>

namespace candor::launch {

struct MpiJobOptions {
  int64_t workers = 2;
  int64_t gpus_per_worker = 0;   // and ranks; 0: one rank a worker, on CPUs
  std::string image{};           // empty: candor:cuda or candor:cpu
  std::string claim = "candor";  // PersistentVolumeClaim that all nodes can write to
  std::string name_space{};      // empty: the one kubectl is set to
};

}  // namespace candor::launch
