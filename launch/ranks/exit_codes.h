// The exit codes of candor, the same on every rank; README.md and `candor --help` list them.
#pragma once

#include <exception>
#include <string>

#include "comm/rank_info.h"

namespace candor::launch {

enum ExitCode : int {
  kExitOk = 0,
  kExitInternal = 1,  // a defect of candor itself, or out of memory
  kExitUserError =
      2,  // config, arguments or data that a user can put right (std::invalid_argument)
  kExitFileError = 3,      // a file or disk that failed (std::system_error, std::runtime_error)
  kExitCommunication = 4,  // a rank or the network (CommError)
  kExitNonFinite = 5,      // NaN or infinity (NonFiniteError)
  kExitPreempted =
      6,  // stopped as asked by SIGTERM or SIGUSR1 (PreemptedError): the same command goes on
};

struct Failure {
  int exit_code = kExitInternal;
  std::string message;  // one line
};

// Which code and line an exception becomes.
Failure describe_failure(const std::exception_ptr& error);

// Prints it to stderr, behind what standard output still holds.
void tell(const Failure& failure, int rank, int world_size);

// When several ranks fail for one reason, rank 0 is heard: the others wait so long that its abort
// ends them first. To other hosts it takes longer.
void wait_for_lower_ranks(const comm::RankInfo& info);

}  // namespace candor::launch
