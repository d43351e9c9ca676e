// What a rank is about to do, in a form that can be compared with what the others are about to do.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

namespace candor::comm {

enum class Collective : std::int64_t {
  kAllReduceSum,
  kAllReduceMax,
  kBroadcast,
  kAllGatherBytes,
  kBroadcastBytes,
  kBarrier,
  kSplit,
  kSettle,
  kCreate
};

const char* collective_name(Collective operation);

struct CollectiveCall {
  Collective operation = Collective::kBarrier;
  std::int64_t dtype = -1;  // at::ScalarType; -1 where there is none
  std::int64_t numel = 0;   // 0 where ranks may differ
  std::int64_t root = -1;
  std::int64_t sequence = 0;  // calls made on the group before this one

  using Fields = std::array<std::int64_t, 5>;
  Fields fields() const {
    return {static_cast<std::int64_t>(operation), dtype, numel, root, sequence};
  }
};

// Nothing if all ranks make the same call; else one sentence about rank 0's call and that of the
// first rank that differs. The same text on all ranks.
std::optional<std::string> find_disagreement(std::span<const CollectiveCall::Fields> call_by_rank);

}  // namespace candor::comm
