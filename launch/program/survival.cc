#include "launch/program/survival.h"

#include <fmt/format.h>

#include <cstdlib>
#include <fstream>

#include "comm/comm_error.h"
#include "comm/losses_text.h"
#include "launch/ranks/exit_codes.h"
#include "trainer/training/stop_request.h"

namespace candor::launch {

int run_and_survive(const std::function<int()>& command, const std::string& name,
                    RunContext& context) {
  for (;;) {
    bool finished = false;
    int exit_code = kExitOk;
    try {
      exit_code = command();
      finished = true;
    } catch (const comm::GroupShrunkError&) {
      context.ranks_lost = context.arguments.resume = true;
      context.base.forget();
      continue;
    } catch (const comm::RankLostError&) {  // whom, settle() tells
    } catch (const trainer::PreemptedError&) {
      if (context.group.rank() == 0) tell(describe_failure(std::current_exception()), 0, 1);
      exit_code = kExitPreempted;
      finished = true;
    }
    const comm::Settled settled = context.group.settle(finished, "command");
    if (settled.finished) {
      leave_exit_code(exit_code, context.group.rank());
      return exit_code;
    }
    context.ranks_lost = context.arguments.resume = true;
    context.base.forget();
    if (context.group.rank() == 0)
      fmt::print(stderr, "{}  WARNING: {}\n", name,
                 comm::losses_text(settled.lost, context.group.world_size()));
  }
}

void leave_exit_code(int exit_code, int rank) {
  const char* const path = std::getenv("CANDOR_EXIT_CODE_FILE");
  if (path == nullptr || rank != 0) return;
  std::ofstream(path) << exit_code << '\n';
}

}  // namespace candor::launch
