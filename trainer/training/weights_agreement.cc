#include "trainer/training/weights_agreement.h"

#include <ATen/ATen.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>

#include "comm/comm_error.h"
#include "data_pipeline/files/content_hash.h"

namespace candor::trainer {
namespace {

std::string hash_of(const at::Tensor& tensor) {
  if (!tensor.defined()) return "-";
  const at::Tensor host = tensor.cpu().contiguous();
  return data::content_hash(
      {static_cast<const std::byte*>(host.const_data_ptr()), static_cast<size_t>(host.nbytes())});
}

std::string hash_of(const ModelWeights& weights) {
  std::string all =
      hash_of(weights.embedding_VD) + hash_of(weights.head_VD) + hash_of(weights.final_norm_D);
  for (const LayerWeights& layer : weights.layers) {
    for (const at::Tensor* tensor : {&layer.input_norm_D, &layer.post_norm_D, &layer.qkv, &layer.o,
                                     &layer.qkv_bias, &layer.o_bias, &layer.gate_up, &layer.down}) {
      all += hash_of(*tensor);
    }
  }
  return data::content_hash(std::as_bytes(std::span(all)));
}

// Ranks whose text isn't the most frequent one; of two that are as frequent, the first rank's
// counts.
std::vector<size_t> odd_ones(const std::vector<std::string>& by_rank) {
  std::map<std::string, int64_t> count;
  for (const std::string& text : by_rank) ++count[text];
  const std::string* most = &by_rank[0];
  for (const std::string& text : by_rank) {
    if (count[text] > count[*most]) most = &text;
  }
  std::vector<size_t> odd;
  for (size_t rank = 0; rank < by_rank.size(); ++rank) {
    if (by_rank[rank] != *most) odd.push_back(rank);
  }
  return odd;
}

}  // namespace

void check_weights_agree(const LlamaModel& model, const LoraAdapter& adapter,
                         const AdamW& optimizer, const std::string& when,
                         comm::ProcessGroup& group) {
  const std::pair<const char*, std::string> parts[] = {
      {"base weights", hash_of(model.weights())},
      {"adapter", hash_of(adapter.parameters())},
      {"optimizer's moments",
       hash_of(optimizer.first_moment()) + hash_of(optimizer.second_moment())}};
  for (const auto& [name, mine] : parts) {
    const std::vector<size_t> odd = odd_ones(group.all_gather_bytes(mine));
    if (odd.empty()) continue;
    throw comm::CommError(
        group.rank(), group.world_size(), "check of the weights", 0,
        fmt::format("{}: the {} of rank{} {} {} from those of the other ranks, though they must be "
                    "the same: a memory or a disk of its host changed "
                    "them; check that host, and go on from the newest checkpoint without it",
                    when, name, odd.size() > 1 ? "s" : "", fmt::join(odd, ", "),
                    odd.size() > 1 ? "differ" : "differs"));
  }
}

}  // namespace candor::trainer
