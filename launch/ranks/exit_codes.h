// The exit codes of candor, the same on every rank; README.md and `candor --help` list them.
#pragma once

#include <exception>
#include <stdexcept>
#include <string>
#include <vector>

#include "comm/process_group.h"

namespace candor::launch {

enum ExitCode : int {
  kExitOk = 0,
  kExitInternal = 1,  // a defect of candor itself, or out of memory
  kExitUserError =
      2,  // config, arguments or data that a user can put right (std::invalid_argument)
  kExitFileError = 3,      // a file or disk that failed (std::system_error, FileError)
  kExitCommunication = 4,  // a rank, the network, MPI or a GPU (CommError, UnavailableError)
  kExitNonFinite = 5,      // NaN or infinity (NonFiniteError)
  kExitPreempted = 6,  // stopped as asked by a signal (PreemptedError): the same command goes on
};

// Another candor, started by this one, failed: its exit code becomes this one's, and what() gives
// its reason.
class ChildFailedError : public std::runtime_error {
 public:
  ChildFailedError(int exit_code, const std::string& reason)
      : std::runtime_error(reason), exit_code_(exit_code) {}
  int exit_code() const { return exit_code_; }

 private:
  int exit_code_;
};

struct Failure {
  int exit_code = kExitInternal;
  std::string message;  // one line
};

// Which code and line an exception becomes.
Failure describe_failure(const std::exception_ptr& error);

// Prints them to stderr on rank 0, one a line.
void tell_warnings(const std::vector<std::string>& warnings, int rank);

// Prints it to stderr, behind what standard output still holds.
void tell(const Failure& failure, int rank, int world_size);

// Tells it where this rank is the one to be heard; where another is, waits until that one has ended
// the job, or for 20 s.
void tell_for_all(const Failure& failure, const comm::ProcessGroup& group);

}  // namespace candor::launch
