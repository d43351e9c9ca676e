// The exceptions of comm/: CommError for ranks and networks, with two cases that a caller may
// survive; UnavailableError for what they run on; NonFiniteError for numbers.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <stdexcept>
#include <string>

namespace candor::comm {

// A collective that failed, timed out or was called differently by different ranks. what() names
// the rank, the operation, the element count and why.
class CommError : public std::runtime_error {
 public:
  CommError(int rank, int world_size, const std::string& operation, std::int64_t numel,
            const std::string& reason)
      : std::runtime_error(fmt::format("rank {} of {}: {}{}: {}", rank, world_size, operation,
                                       numel > 0 ? fmt::format(" of {} elements", numel) : "",
                                       reason)),
        rank_(rank),
        operation_(operation),
        numel_(numel) {}

  int rank() const { return rank_; }
  const std::string& operation() const { return operation_; }
  std::int64_t numel() const { return numel_; }

 private:
  int rank_;
  std::string operation_;
  std::int64_t numel_;
};

// Ranks are gone and the library lets the others go on: every rank that lives gets one of these
// from its current or next call on the group, and must then call ProcessGroup::settle(false, ...).
class RankLostError : public CommError {
 public:
  using CommError::CommError;
};

// settle() has already made the group smaller, but the ranks were at different places of the
// program: whoever knows where to begin again does so.
class GroupShrunkError : public CommError {
 public:
  using CommError::CommError;
};

// MPI can't be started, or a GPU isn't there or fails.
class UnavailableError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// A NaN or an infinity where a finite number is needed.
class NonFiniteError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace candor::comm
