#include "trainer/generation/greedy_generator.h"

#include <ATen/ATen.h>

#include <algorithm>

#include "comm/comm_error.h"

namespace candor {

std::vector<std::vector<uint32_t>> GreedyGenerator::generate(std::span<const std::vector<uint32_t>> suffixes, const GreedyOptions& options) {
  size_t longest = 0;
  for (const std::vector<uint32_t>& suffix : suffixes) longest = std::max(longest, suffix.size());
  decoder_.begin_group(static_cast<int64_t>(suffixes.size()), static_cast<int64_t>(longest) + options.max_new_tokens);
  std::vector<std::vector<uint32_t>> generated(suffixes.size());
  std::vector<CachedDecoder::Append> appends;
  for (size_t s = 0; s < suffixes.size(); ++s) appends.push_back({static_cast<int64_t>(s), suffixes[s]});
  while (!appends.empty()) {
    const at::Tensor logits_NV = decoder_.append(appends), next_N = logits_NV.argmax(1).cpu();
    if (!logits_NV.amax(1).isfinite().all().item<bool>()) throw NonFiniteError("answer: the model's logits aren't finite; are its weights damaged?");
    std::vector<CachedDecoder::Append> going_on;
    for (size_t n = 0; n < appends.size(); ++n) {
      const auto token = next_N[static_cast<int64_t>(n)].item<int64_t>();
      std::vector<uint32_t>& mine = generated[static_cast<size_t>(appends[n].slot)];
      if (std::count(options.end_tokens.begin(), options.end_tokens.end(), token) > 0) continue;
      if (mine.empty()) mine.reserve(static_cast<size_t>(options.max_new_tokens));  // spans below point into it
      mine.push_back(static_cast<uint32_t>(token));
      const bool full = static_cast<int64_t>(mine.size()) >= options.max_new_tokens;
      if (full || (options.is_complete && options.is_complete(mine))) continue;
      going_on.push_back({appends[n].slot, std::span<const uint32_t>(&mine.back(), 1)});
    }
    appends = std::move(going_on);
  }
  return generated;
}

}  // namespace candor
