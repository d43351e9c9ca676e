#include "launch/ranks/thread_environment.h"

#include <fmt/format.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <optional>
#include <string>
#include <system_error>

namespace candor::launch {
namespace {

constexpr const char* kMarker =
    "CANDOR_THREADS_SET";  // names the thread count this process was executed with

std::optional<int64_t> positive_from_environment(const char* name) {
  const char* text = std::getenv(name);
  if (text == nullptr) return std::nullopt;
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text, text + std::strlen(text), value);
  if (error != std::errc() || *end != '\0' || value < 1) return std::nullopt;
  return value;
}

int64_t allowed_cores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  int64_t cores = sched_getaffinity(0, sizeof set, &set) == 0
                      ? CPU_COUNT(&set)
                      : static_cast<int64_t>(sysconf(_SC_NPROCESSORS_ONLN));
  std::ifstream quota_file("/sys/fs/cgroup/cpu.max");  // a container's share: "200000 100000" is
                                                       // two cores, "max 100000" has no limit
  int64_t quota = 0, period = 0;
  if (quota_file >> quota >> period && quota > 0 && period > 0)
    cores = std::min(cores, (quota + period - 1) / period);
  return std::max<int64_t>(cores, 1);
}

// Then the cores allowed here are this rank's own already.
bool bound_by_mpirun() {
  const char* bound = std::getenv("OMPI_MCA_orte_bound_at_launch");
  return bound != nullptr && std::string(bound) == "1";
}

}  // namespace

CoreCount usable_cores() {
  const int64_t allowed = allowed_cores();
  return {
      .of_this_rank = allowed,
      .of_its_host = bound_by_mpirun()
                         ? std::max(allowed, static_cast<int64_t>(sysconf(_SC_NPROCESSORS_ONLN)))
                         : allowed};
}

int64_t default_threads_per_rank() {
  return positive_from_environment("OMP_NUM_THREADS").value_or(1);
}

void apply_thread_environment(int64_t threads, char** argv) {
  const std::string count = fmt::format("{}", threads);
  const char* marker = std::getenv(kMarker);
  const char* omp = std::getenv("OMP_NUM_THREADS");
  if (marker != nullptr && omp != nullptr && marker == count && omp == count) return;
  setenv("OMP_NUM_THREADS", count.c_str(), 1);
  setenv("MKL_NUM_THREADS", count.c_str(), 1);
  setenv("OMP_WAIT_POLICY", "passive", 1);
  setenv("GOMP_SPINCOUNT", "5000", 0);  // some tenths of a millisecond, then passive: a thread that
                                        // sleeps between products wakes too late
  setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8", 0);  // without it cuBLAS isn't deterministic
  setenv(kMarker, count.c_str(), 1);
  execv("/proc/self/exe", argv);
  throw std::system_error(errno, std::generic_category(),
                          "can't execute candor again with OMP_NUM_THREADS set");
}

}  // namespace candor::launch
