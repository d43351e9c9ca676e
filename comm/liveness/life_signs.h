// What a rank shows of itself, in a page that it shares with its guardian process: that it lives,
// and where it is. And what a guardian tells who asks.
//
// The rank writes, the guardian only reads: no lock, and nothing that a stopped rank could hold.
#pragma once

#include <atomic>
#include <cstdint>

namespace candor::comm {

struct LifeSigns {
  std::atomic<bool> leaving{false};       // its end is meant: nobody needs to be told
  std::atomic<bool> ends_the_job{false};  // and all other ranks have to end with it
  std::atomic<bool> may_be_lost{false};   // the job goes on without it
  std::atomic<std::uint64_t> beats{0};    // counted up by a thread of its own
  std::atomic<std::int64_t> group{
      -1};  // the collective that the rank came to last: its group, and its number in it
  std::atomic<std::int64_t> sequence{-1};
  // A call of the MPI library that can't be given up: the guardian ends the rank when it has lasted
  // so long (0: no such call).
  std::atomic<std::int64_t> blocking_limit_ms{0};
  std::atomic<std::int64_t> blocking_calls{0};  // so far: tells one from the next
  std::atomic<const char*> blocking_call{
      nullptr};  // a string literal, at the same address in the guardian
};

constexpr std::size_t kTokenBytes =
    16;  // known to the ranks of one job only, so that nobody else can have a rank ended

// One datagram each way between a rank and another rank's guardian.
struct GuardianRequest {
  enum Kind : std::int32_t { kWhereIsIt = 1, kEndIt = 2, kMaySpeak = 3 };

  char magic[8] = {'c', 'a', 'n', 'd', 'o', 'r', '?', '1'};
  char token[kTokenBytes] = {};
  std::int32_t kind = kWhereIsIt;
  std::int32_t number = 0;  // of the request, repeated in the reply; kMaySpeak: the rank that asks
  std::int64_t group = -1,
               sequence = -1;  // kEndIt: only if the rank hasn't come to this call by now
  double waited_s = 0;
};

struct GuardianReply {
  char magic[8] = {'c', 'a', 'n', 'd', 'o', 'r', '!', '1'};
  std::int32_t number = 0;
  std::int64_t group = -1, sequence = -1;
  double silent_s = 0;        // since the last beat
  std::int32_t stopped = 0;   // 1: by a signal
  std::int32_t speaker = -1;  // kMaySpeak: the rank that asked this guardian first
};

}  // namespace candor::comm
