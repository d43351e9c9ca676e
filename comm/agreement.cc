#include "comm/agreement.h"

#include <c10/core/ScalarType.h>
#include <fmt/format.h>

namespace candor::comm {

const char* collective_name(Collective operation) {
  switch (operation) {
    case Collective::kAllReduceSum: return "all_reduce_sum";
    case Collective::kAllReduceMax: return "all_reduce_max";
    case Collective::kBroadcast: return "broadcast";
    case Collective::kAllGatherBytes: return "all_gather_bytes";
    case Collective::kBroadcastBytes: return "broadcast_bytes";
    case Collective::kBarrier: return "barrier";
    case Collective::kSplit: return "split";
    case Collective::kSettle: return "settle";
    case Collective::kCreate: return "create group";
  }
  return "unknown collective";
}

namespace {

std::string describe(const CollectiveCall::Fields& fields) {
  const auto& [operation, dtype, numel, root, sequence] = fields;
  std::string text =
      fmt::format("{} as call {}", collective_name(static_cast<Collective>(operation)), sequence);
  if (dtype >= 0)
    text += fmt::format(" with {} elements of {}", numel,
                        c10::toString(static_cast<c10::ScalarType>(dtype)));
  if (root >= 0) text += fmt::format(" from root {}", root);
  return text;
}

}  // namespace

std::optional<std::string> find_disagreement(std::span<const CollectiveCall::Fields> call_by_rank) {
  for (std::size_t rank = 1; rank < call_by_rank.size(); ++rank) {
    if (call_by_rank[rank] != call_by_rank[0]) {
      return fmt::format("ranks disagree: rank 0 calls {}, rank {} calls {}",
                         describe(call_by_rank[0]), rank, describe(call_by_rank[rank]));
    }
  }
  return std::nullopt;
}

}  // namespace candor::comm
