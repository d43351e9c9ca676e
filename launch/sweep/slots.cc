#include "launch/sweep/slots.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <set>
#include <sstream>
#include <stdexcept>

#include "data_pipeline/files/read_file.h"

namespace candor::launch {

std::vector<Slot> local_slots(int64_t count) {
  std::vector<Slot> slots;
  for (int64_t number = 0; number < count; ++number)
    slots.push_back({.host = "", .number = number});
  return slots;
}

std::vector<Slot> slots_of_hostfile(const std::string& path) {
  std::istringstream lines(data::read_file(path));
  std::vector<Slot> slots;
  std::set<std::string> hosts;
  int number = 0;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    std::istringstream words(line.substr(0, line.find('#')));
    std::string host;
    if (!(words >> host)) continue;
    int64_t count = 1;
    for (std::string word; words >> word;) {
      if (!word.starts_with("slots=")) continue;  // max_slots and the like are mpirun's
      const auto [end, error] = std::from_chars(word.data() + 6, word.data() + word.size(), count);
      if (error != std::errc() || end != word.data() + word.size() || count < 1) {
        throw std::invalid_argument(
            fmt::format("{}:{}: slots: expected a whole number from 1, got \"{}\"", path, number,
                        word.substr(6)));
      }
    }
    if (!hosts.insert(host).second)
      throw std::invalid_argument(fmt::format(
          "{}:{}: the host {} stands here twice; give its slots in one line", path, number, host));
    for (int64_t slot = 0; slot < count; ++slot) slots.push_back({.host = host, .number = slot});
  }
  if (slots.empty())
    throw std::invalid_argument(
        fmt::format("{}: no host in it; expected lines as \"node1 slots=8\"", path));
  return slots;
}

std::optional<std::vector<Slot>> SlotPool::take(size_t count) {
  if (free_.size() < count) return std::nullopt;
  std::map<std::string, size_t> by_host;
  for (const Slot& slot : free_) ++by_host[slot.host];
  // The host that fits most closely; where none is large enough, from the largest on.
  std::vector<std::string> hosts;
  for (const auto& [host, here] : by_host) hosts.push_back(host);
  std::stable_sort(hosts.begin(), hosts.end(), [&](const std::string& a, const std::string& b) {
    const bool a_fits = by_host[a] >= count, b_fits = by_host[b] >= count;
    if (a_fits != b_fits) return a_fits;
    return a_fits ? by_host[a] < by_host[b] : by_host[a] > by_host[b];
  });
  std::vector<Slot> taken;
  for (const std::string& host : hosts) {
    for (auto slot = free_.begin(); slot != free_.end() && taken.size() < count;) {
      if (slot->host == host) {
        taken.push_back(*slot);
        slot = free_.erase(slot);
      } else {
        ++slot;
      }
    }
  }
  return taken;
}

void SlotPool::give_back(const std::vector<Slot>& slots) {
  free_.insert(free_.end(), slots.begin(), slots.end());
  std::sort(free_.begin(), free_.end(), [](const Slot& a, const Slot& b) {
    return std::tie(a.host, a.number) < std::tie(b.host, b.number);
  });
}

}  // namespace candor::launch
