#include "launch/ranks/exit_codes.h"

#include <c10/util/Exception.h>
#include <fmt/format.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <new>
#include <stdexcept>
#include <string_view>
#include <system_error>
#include <thread>

#include "comm/comm_error.h"
#include "data_pipeline/files/file_error.h"
#include "trainer/training/stop_request.h"

namespace candor::launch {
namespace {

std::string first_line(const std::string& text) {
  return text.substr(0, text.find('\n'));
}  // libtorch appends a back trace

constexpr std::string_view kLessMemory =
    "train.micro_batch_examples, answer.slots or evaluate.batch_examples";

// What a user can do about an error of the operating system, to be appended.
std::string advice(const std::error_code& code) {
  switch (code.value()) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
      return "; free some space and give the same command again: files that were whole still are";
    case EACCES:
    case EPERM:
    case EROFS: return "; check the permissions, or choose another path";
    case ENOTDIR:
      return "; a part of this path is a file where a folder is needed: choose another path";
    case EISDIR: return "; it is a folder where a file is needed: choose another path";
    case ENOENT:
      return "; check the path, or first give the command that makes it (candor --help lists them)";
    default: return "";
  }
}

}  // namespace

Failure describe_failure(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const ChildFailedError& e) {
    return {e.exit_code(), first_line(e.what())};
  } catch (const comm::CommError& e) {
    return {kExitCommunication, first_line(e.what())};
  } catch (const comm::UnavailableError& e) {
    return {kExitCommunication, first_line(e.what())};
  } catch (const trainer::PreemptedError& e) {
    return {kExitPreempted, first_line(e.what())};
  } catch (const comm::NonFiniteError& e) {
    return {kExitNonFinite, first_line(e.what())};
  } catch (const std::invalid_argument& e) {
    return {kExitUserError, first_line(e.what())};
  } catch (const std::system_error& e) {
    return {kExitFileError, first_line(e.what()) + advice(e.code())};
  } catch (const data::FileError& e) {
    return {kExitFileError, first_line(e.what())};
  } catch (const std::bad_alloc&) {
    return {kExitInternal,
            "out of memory: use fewer ranks on this host, or smaller " + std::string(kLessMemory)};
  } catch (const c10::OutOfMemoryError&) {
    return {kExitInternal, "out of the GPU's memory: use model.dtype bf16, or smaller " +
                               std::string(kLessMemory)};
  } catch (const std::exception& e) {
    return {kExitInternal, "internal error: " + first_line(e.what())};
  } catch (...) {
    return {kExitInternal, "internal error of an unknown kind"};
  }
}

void tell_warnings(const std::vector<std::string>& warnings, int rank) {
  if (rank != 0) return;
  for (const std::string& warning : warnings) fmt::print(stderr, "candor  WARNING: {}\n", warning);
}

void tell(const Failure& failure, int rank, int world_size) {
  std::fflush(stdout);
  if (world_size > 1) {
    fmt::print(stderr, "candor: rank {} of {}: {}\n", rank, world_size, failure.message);
  } else {
    fmt::print(stderr, "candor: {}\n", failure.message);
  }
  std::fflush(stderr);
}

void tell_for_all(const Failure& failure, const comm::ProcessGroup& group) {
  constexpr auto kAbortTakes = std::chrono::seconds(20);
  if (group.may_speak()) {
    tell(failure, group.rank(), group.world_size());
  } else {
    std::this_thread::sleep_for(kAbortTakes);
  }
}

}  // namespace candor::launch
