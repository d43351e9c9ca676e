// Where trials run: a slot is room for one rank on a host.
//
// Usage:   SlotPool pool(slots_of_hostfile("hosts"));   auto taken = pool.take(4);   ...
// pool.give_back(*taken);
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace candor::launch {

struct Slot {
  std::string host{};  // empty: this one
  int64_t number = 0;  // among those of its host; on a host with GPUs the GPU's
  bool operator==(const Slot&) const = default;
};

// `count` slots on this host.
std::vector<Slot> local_slots(int64_t count);

// Lines "host slots=N" as mpirun reads them (without slots: one), # begins a comment. Throws
// std::invalid_argument "PATH:LINE: ..." and std::system_error.
std::vector<Slot> slots_of_hostfile(const std::string& path);

class SlotPool {
 public:
  explicit SlotPool(std::vector<Slot> slots) : free_(slots), total_(slots.size()) {}

  size_t total() const { return total_; }
  size_t free() const { return free_.size(); }
  // As few hosts as can be: of one host if any has so many. Nothing while fewer are free.
  std::optional<std::vector<Slot>> take(size_t count);
  void give_back(const std::vector<Slot>& slots);

 private:
  std::vector<Slot> free_;
  size_t total_;
};

}  // namespace candor::launch
