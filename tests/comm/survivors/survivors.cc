// A program for survivors_test: ranks add numbers; one of them dies, stops or stays away at a
// chosen call, and the others go on.
// usage: survivors VICTIM kill|stop|stay_away|out_of_reach|hold_up|fail CALL
// A second victim: VICTIM,VICTIM (one after the other).
#include <ATen/ATen.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <mpi.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <fstream>
#include <string>

#include "comm/comm_error.h"
#include "comm/liveness/liveness.h"
#include "comm/mpi_session.h"

namespace candor::comm {
namespace {

// The ranks' processes have one child, the guardian.
void end_own_guardian() {
  int guardian = 0;
  std::ifstream(fmt::format("/proc/self/task/{}/children", ::getpid())) >> guardian;
  if (guardian > 0) ::kill(guardian, SIGKILL);
}

// The next MPI_Allgather, with which survivors tell each other of themselves, doesn't return.
bool holds_up = false;

// A limit that ends the victim is waited out, so it is short. One that must end nobody is long: on
// a busy machine a rank that lives may be seconds late.
constexpr double kShortLimit_s = 8, kLongLimit_s = 100;

double timeout_of(const std::string& how) {
  return how == "stay_away" || how == "out_of_reach" || how == "hold_up" ? kShortLimit_s
                                                                         : kLongLimit_s;
}
double heartbeat_of(const std::string& how) { return how == "stop" ? kShortLimit_s : kLongLimit_s; }

void vanish(const std::string& how) {
  if (how == "out_of_reach") {  // as a host that the others' datagrams don't come to; then it dies
    end_own_guardian();
    ::sleep(static_cast<unsigned>(kShortLimit_s) + 2);
    std::raise(SIGKILL);
  }
  if (how == "kill" || how == "hold_up") std::raise(SIGKILL);
  if (how == "stop") std::raise(SIGSTOP);
  for (;;) ::pause();  // its heart goes on beating
}

// As a program does whose ranks all find the same error. The pause lets every rank ask.
void fail(ProcessGroup& group) {
  if (group.may_speak()) fmt::print(stderr, "rank {} is heard\n", group.rank());
  ::sleep(2);
  group.abort(3);
}

int survive(int argc, char** argv) {
  if (argc != 4) return 2;
  const int rank = std::atoi(std::getenv("OMPI_COMM_WORLD_RANK")),
            ranks = std::atoi(std::getenv("OMPI_COMM_WORLD_SIZE"));
  const std::string victims = fmt::format(",{},", argv[1]), how = argv[2];
  const int at_call = std::atoi(argv[3]);
  const auto liveness = std::make_shared<Liveness>(
      LivenessOptions{.heartbeat_s = heartbeat_of(how), .rank = rank, .world_size = ranks});
  MpiSession session(&argc, &argv, liveness.get(), kLongLimit_s);
  const auto group = make_mpi_process_group({.timeout_s = timeout_of(how), .liveness = liveness});
  std::vector<int> lost;
  int done = 0, at = at_call;
  const size_t my_turn = victims.find(fmt::format(",{},", rank));
  for (;;) {
    bool finished = false;
    try {
      for (; done < 100; ++done) {
        const bool first_victim = my_turn == 0;
        if (done == at && my_turn != std::string::npos && (first_victim || !lost.empty()))
          vanish(how);
        if (how == "fail" && done == at) fail(*group);
        if (how == "hold_up" && done == at && rank != 0) holds_up = true;
        at::Tensor sum = at::full({1000}, int64_t{group->rank()}, at::kLong);
        group->all_reduce_sum(sum);
        const int64_t size = group->world_size();
        if (sum[999].item<int64_t>() != size * (size - 1) / 2) {
          fmt::print("wrong sum on rank {}\n", rank);
          group->abort(1);
        }
      }
      finished = true;
    } catch (const RankLostError&) {
    }
    const Settled settled = group->settle(finished, "adding");
    if (settled.finished) break;
    lost.insert(lost.end(), settled.lost.begin(), settled.lost.end());
    // The ranks may be a call apart.
    at::Tensor behind = at::tensor({-int64_t{done}}, at::kLong);
    group->all_reduce_max(behind);
    done = static_cast<int>(-behind.item<int64_t>());
    at = done + 3;
  }
  if (group->rank() == 0)
    fmt::print("lost {} of {}, {} left\n", fmt::join(lost, " and "), ranks, group->world_size());
  liveness->leaving();
  if (!lost.empty()) MpiSession::leave_after_losses(0);
  session.finalize();
  return 0;
}

}  // namespace
}  // namespace candor::comm

// This definition stands before the library's, as MPI's profiling interface has it.
// Parameters: those of MPI.
extern "C" int MPI_Allgather(const void* sent, int sent_count, MPI_Datatype sent_type, void* got,
                             int got_count, MPI_Datatype got_type, MPI_Comm communicator) {
  while (candor::comm::holds_up) ::pause();  // its heart goes on beating
  return PMPI_Allgather(sent, sent_count, sent_type, got, got_count, got_type, communicator);
}

int main(int argc, char** argv) { return candor::comm::survive(argc, argv); }
