#include "trainer/generation/greedy_generator.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <numeric>

#include "comm/comm_error.h"
#include "trainer/model/non_finite_weights.h"

namespace candor::trainer {

std::vector<std::vector<uint32_t>> GreedyGenerator::generate(
    std::span<const std::vector<uint32_t>> suffixes, const GreedyOptions& options) {
  std::vector<std::vector<uint32_t>> generated(suffixes.size());
  if (suffixes.empty()) return generated;
  std::vector<size_t> waiting(suffixes.size());  // the longest prompt first, from the back; of
                                                 // equal ones the first in the group
  std::iota(waiting.rbegin(), waiting.rend(), size_t{0});
  std::stable_sort(waiting.begin(), waiting.end(),
                   [&](size_t a, size_t b) { return suffixes[a].size() < suffixes[b].size(); });
  const auto slots = std::min(options.slots, static_cast<int64_t>(suffixes.size()));
  decoder_.begin_group(
      slots, static_cast<int64_t>(suffixes[waiting.back()].size()) + options.max_new_tokens);

  std::vector<size_t> sequence_of(static_cast<size_t>(slots));
  std::vector<CachedDecoder::Append> appends;
  const auto begin_next = [&](int64_t slot, std::vector<CachedDecoder::Append>& into) {
    if (waiting.empty()) return;
    const size_t sequence = sequence_of[static_cast<size_t>(slot)] = waiting.back();
    waiting.pop_back();
    generated[sequence].reserve(
        static_cast<size_t>(options.max_new_tokens));  // spans below point into it
    decoder_.restart(slot);
    into.push_back({slot, suffixes[sequence]});
  };
  for (int64_t slot = 0; slot < slots; ++slot) begin_next(slot, appends);
  while (!appends.empty()) {
    const at::Tensor logits_NV = decoder_.append(appends), next_N = logits_NV.argmax(1).cpu();
    if (!logits_NV.amax(1).isfinite().all().item<bool>())
      throw comm::NonFiniteError(
          "answer: the model's logits aren't finite: " +
          non_finite_weights(decoder_.model(), nullptr,
                             "numbers grow too large on the way; try model.dtype fp32"));
    std::vector<CachedDecoder::Append> going_on;
    for (size_t n = 0; n < appends.size(); ++n) {
      const int64_t slot = appends[n].slot;
      const auto token = next_N[static_cast<int64_t>(n)].item<int64_t>();
      std::vector<uint32_t>& mine = generated[sequence_of[static_cast<size_t>(slot)]];
      bool ended = std::count(options.end_tokens.begin(), options.end_tokens.end(), token) > 0;
      if (!ended) {
        mine.push_back(static_cast<uint32_t>(token));
        ended = static_cast<int64_t>(mine.size()) >= options.max_new_tokens ||
                (options.is_complete && options.is_complete(mine));
      }
      if (ended) {
        begin_next(slot, going_on);
      } else {
        going_on.push_back({slot, std::span<const uint32_t>(&mine.back(), 1)});
      }
    }
    appends = std::move(going_on);
  }
  return generated;
}

}  // namespace candor::trainer
