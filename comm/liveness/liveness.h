// A rank's side of being watched without MPI: it shows its guardian that it lives and where it is,
// and asks other ranks' guardians who is late.
//
// Usage:   auto liveness = std::make_shared<Liveness>(LivenessOptions{...});   // before MPI_Init
// and before any thread: it forks
//          liveness->set_peers(group->all_gather_bytes(liveness->address()));
// Threads: arrived() and Blocking belong to the thread that communicates.
// Nothing is sent unless a collective is overdue: then one small datagram a rank (UDP over IPv4).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "comm/liveness/life_signs.h"

namespace candor::comm {

struct LivenessOptions {
  double heartbeat_s = 60;        // a rank silent for so long is ended by its guardian; 0: never
  double launcher_limit_s = 600;  // how long mpirun may take to end a job whose rank is gone
  int rank = 0, world_size = 1;   // of the whole job
};

struct LateRank {
  int rank = 0;             // of the whole job
  std::string description;  // "rank 3 (process 12 on node1), which is stopped"
  bool answers = false;     // its guardian does, so the rank can be ended
};

class Liveness {
 public:
  // Throws std::system_error where the system has no socket or process left.
  explicit Liveness(const LivenessOptions& options);
  ~Liveness();  // the process is about to end: the heart stops, and the guardian sees to it that it
                // does end
  Liveness(const Liveness&) = delete;
  Liveness& operator=(const Liveness&) = delete;

  // Where this rank's guardian is asked, as text.
  const std::string& address() const { return address_; }
  // The addresses of all ranks of the job, by rank. Until then nobody can be asked.
  void set_peers(const std::vector<std::string>& addresses);

  // This process is about to end, and means to: else its guardian says that it is gone. From any
  // thread.
  void leaving();
  // And takes the job with it: the launcher may find that it can't reach another host, and wait for
  // it; it is then ended after launcher_limit_s.
  void ending_the_job();

  // The job goes on when this rank is lost.
  void may_be_lost();

  // This rank has come to this call of the group.
  void arrived(std::int64_t group, std::int64_t sequence);

  // Which of these ranks haven't come to this call, as their guardians say. Takes up to a second.
  std::vector<LateRank> late_ranks(std::int64_t group, std::int64_t sequence,
                                   const std::vector<int>& ranks) const;
  // Has the guardians end those that are still late and can be.
  void end(const std::vector<LateRank>& late, std::int64_t group, std::int64_t sequence,
           double waited_s) const;

  // True on one rank of the job only, the first that asks: when several fail, it says why. Takes up
  // to a second for each rank, from 0 on, that is gone; after three of them everyone may speak.
  bool may_speak() const;

  // While it lives, this rank is in a call that can't be given up; the guardian ends the rank after
  // limit_s. `call` is a string literal.
  class Blocking {
   public:
    Blocking(Liveness* liveness, const char* call, double limit_s);
    ~Blocking();
    Blocking(const Blocking&) = delete;
    Blocking& operator=(const Blocking&) = delete;

   private:
    Liveness* liveness_;
  };

 private:
  struct Peer;

  LivenessOptions options_;
  LifeSigns* signs_ = nullptr;
  int guardian_ = -1;  // process
  std::string address_;
  std::vector<Peer> peers_;
  std::jthread beat_thread_;
};

}  // namespace candor::comm
