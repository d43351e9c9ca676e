#include "launch/cluster/clock_difference.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <string>

namespace candor::launch {
namespace {

constexpr int kExchanges = 20;

int64_t now_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

int64_t number_of(const std::string& text) {
  int64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

}  // namespace

std::vector<ClockDifference> clock_differences(const std::vector<ClockExchange>& exchanges) {
  std::vector<ClockDifference> differences;
  for (size_t rank = 0; !exchanges.empty() && rank < exchanges[0].notes_ns.size(); ++rank) {
    const auto low_of = [rank](const ClockExchange& e) { return e.notes_ns[rank] - e.last_ns; };
    const auto high_of = [rank](const ClockExchange& e) { return e.notes_ns[rank] - e.first_ns; };
    int64_t low = low_of(exchanges[0]), high = high_of(exchanges[0]);
    for (const ClockExchange& exchange : exchanges) {
      low = std::max(low, low_of(exchange));
      high = std::min(high, high_of(exchange));
    }
    if (low > high) {
      low = low_of(exchanges.back());
      high = high_of(exchanges.back());
    }
    if (rank == 0) low = high = 0;
    differences.push_back({static_cast<double>(low + (high - low) / 2) * 1e-9,
                           static_cast<double>(high - low) / 2 * 1e-9});
  }
  return differences;
}

std::vector<ClockDifference> measure_clocks(comm::ProcessGroup& group) {
  std::vector<ClockExchange> exchanges;
  for (int i = 0; i < kExchanges; ++i) {
    ClockExchange exchange;
    exchange.first_ns = now_ns();
    group.barrier();
    const std::vector<std::string> notes = group.all_gather_bytes(std::to_string(now_ns()));
    exchange.last_ns = now_ns();
    for (const std::string& note : notes) exchange.notes_ns.push_back(number_of(note));
    exchanges.push_back(std::move(exchange));
  }
  return group.rank() == 0 ? clock_differences(exchanges) : std::vector<ClockDifference>{};
}

}  // namespace candor::launch
