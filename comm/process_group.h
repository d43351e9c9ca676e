// The ranks that work together, and the collectives between them.
//
// Collective: every call but rank_info() and abort() must be made by all ranks of the group, in the
// same order, with the same dtype and numel. Tensors are contiguous and changed in place; they may
// be on the CPU or on a GPU. A call returns when its result is there for this rank's next one.
// Dtypes: all_reduce_* takes int64, int32, uint8, fp32 and fp64; broadcast takes any.
// all_reduce_max of a NaN is undefined: encode it first.
// Threads: one thread at a time per group.
// Throws CommError when a rank doesn't arrive before the deadline, when ranks disagree about the
// call (ProcessGroupOptions::check_agreement), or if the library fails; std::invalid_argument for a
// tensor that can't be sent. After a time-out the group is broken: each later call throws at once.
// A lost rank is a RankLostError where the library lets the others go on (Open MPI 5 with ULFM),
// and settle() makes a whole group of them again.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "comm/rank_info.h"

namespace candor::comm {

class Liveness;

struct ProcessGroupOptions {
  double timeout_s = 600;  // for each collective, from this rank's arrival; must exceed the longest
                           // wait for the slowest rank
  bool check_agreement = true;  // compare operation, dtype, element count, root and sequence number
                                // first; one more small message
  std::int64_t chunk_numel =
      std::int64_t{1}
      << 26;  // longer tensors go in chunks of this many elements (MPI counts are 32-bit)
  std::shared_ptr<Liveness> liveness{};  // names who is late, and ends it where the others can go
                                         // on without; null: a time-out names nobody
};

struct Settled {
  bool finished = true;
  bool same_place = true;   // all ranks came from the same `where`
  std::vector<int> lost{};  // ranks, in the numbering of the job's start
};

class ProcessGroup {
 public:
  virtual ~ProcessGroup() =
      default;  // doesn't communicate: leave after a barrier(), or to abandon the group

  virtual RankInfo rank_info() const = 0;
  int rank() const { return rank_info().rank; }
  int world_size() const { return rank_info().world_size; }

  // Where the tensors of its collectives live: the CPU, or this rank's GPU, which stays the same
  // however many ranks are lost.
  virtual at::Device device() const = 0;

  virtual void all_reduce_sum(at::Tensor& tensor) = 0;
  virtual void all_reduce_max(at::Tensor& tensor) = 0;
  virtual void broadcast(at::Tensor& tensor, int root) = 0;

  // Every rank gets every rank's bytes, in rank order; lengths may differ.
  virtual std::vector<std::string> all_gather_bytes(const std::string& bytes) = 0;
  // On ranks other than root, `bytes` is replaced.
  virtual void broadcast_bytes(std::string& bytes, int root) = 0;
  virtual void barrier() = 0;

  // Ranks with the same color form a new group, ordered by (key, rank). color < 0: this rank gets
  // nullptr.
  virtual std::unique_ptr<ProcessGroup> split(int color, int key) = 0;
  // Ends a piece of work that may have to be done again by fewer ranks. Collective over all ranks
  // that live, also right after a RankLostError, which is the one thing to do then (finished =
  // false). `where` names the piece of work.
  // If all ranks finished and none was lost: {true, true}. Else this object becomes the group of
  // those that live, numbered as before without the
  // lost ones, and each is told whether all of them came with the same `where`. Without ULFM it is
  // a barrier; then finished must be true.
  virtual Settled settle(bool finished, const std::string& where) = 0;

  // Of ranks that fail, the first that asks may say why: true for one rank of the job. Not
  // collective. Without liveness, true for all.
  virtual bool may_speak() const = 0;
  // Ends every rank of the job with this exit code. Not collective; doesn't return; prints nothing
  // itself.
  [[noreturn]] virtual void abort(int exit_code) = 0;
};

}  // namespace candor::comm
