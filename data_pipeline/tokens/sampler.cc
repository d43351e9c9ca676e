#include "data_pipeline/tokens/sampler.h"

#include <algorithm>
#include <numeric>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>

#include "data_pipeline/tokens/splitmix64.h"

namespace candor::data {
namespace {

class SplitMix64 {
 public:
  explicit SplitMix64(uint64_t state) : state_(state) {}
  uint64_t next() { return splitmix64_finalize(state_ += kSplitMix64Gamma); }

  // It is uniform on [0, bound), because it draws again where 2^64 isn't a multiple of the bound.
  uint64_t below(uint64_t bound) {
    const uint64_t biased = (0 - bound) % bound;  // This is 2^64 mod bound.
    uint64_t value = next();
    while (value < biased) value = next();
    return value % bound;
  }

 private:
  uint64_t state_;
};

}  // namespace

std::vector<int64_t> examples_of_split(const TokenData& data, std::string_view split,
                                       bool graded_only) {
  std::vector<int64_t> result;
  for (size_t i = 0; i < data.examples.size(); ++i) {
    const Example& example = data.examples[i];
    if (example.split == split && (!graded_only || example.graded))
      result.push_back(static_cast<int64_t>(i));
  }
  return result;
}

std::vector<int64_t> epoch_order(uint64_t seed, int64_t epoch, std::span<const int64_t> examples) {
  std::vector<int64_t> order(examples.begin(), examples.end());
  // The gamma in front keeps seed 0 away from the finaliser's fixed point at 0.
  const uint64_t of_seed = splitmix64_finalize(seed + kSplitMix64Gamma);
  SplitMix64 random(splitmix64_finalize(of_seed + static_cast<uint64_t>(epoch)));
  for (size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[random.below(i)]);
  return order;
}

std::vector<int> assign_micro_batches(std::span<const int64_t> tokens_per_micro_batch,
                                      int world_size) {
  if (world_size < 1)
    throw std::invalid_argument(
        fmt::format("assign_micro_batches: expected at least one rank, got {}", world_size));
  std::vector<size_t> longest_first(tokens_per_micro_batch.size());
  std::iota(longest_first.begin(), longest_first.end(), size_t{0});
  std::stable_sort(longest_first.begin(), longest_first.end(), [&](size_t a, size_t b) {
    return tokens_per_micro_batch[a] > tokens_per_micro_batch[b];
  });
  struct Load {
    int64_t tokens = 0;
    int64_t micro_batches = 0;
    auto operator<=>(const Load&) const = default;
  };
  std::vector<Load> loads(static_cast<size_t>(world_size));
  std::vector<int> rank_of(tokens_per_micro_batch.size(), 0);
  for (const size_t index : longest_first) {
    const auto least = std::min_element(loads.begin(), loads.end());
    rank_of[index] = static_cast<int>(least - loads.begin());
    least->tokens += tokens_per_micro_batch[index];
    ++least->micro_batches;
  }
  return rank_of;
}

}  // namespace candor::data
