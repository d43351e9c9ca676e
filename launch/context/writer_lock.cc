#include "launch/context/writer_lock.h"

#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <thread>

#include "comm/host_name.h"
#include "data_pipeline/files/file_error.h"

namespace candor::launch {
namespace {

// A job that was just ended may still be there for a moment.
constexpr auto kGrace = std::chrono::milliseconds(250), kPause = std::chrono::milliseconds(25);

}  // namespace

WriterLock::WriterLock(const std::string& folder, const std::string& command, RunContext& context) {
  std::string refusal;
  if (context.group.rank() == 0) {
    std::filesystem::create_directories(folder);
    const std::string me =
        fmt::format("candor {}, process {} on {}", command, ::getpid(), comm::host_name());
    const auto until = std::chrono::steady_clock::now() + kGrace;
    for (;;) {
      lock_ = data::FolderLock::take(folder, me);
      if (lock_ || context.ranks_lost || std::chrono::steady_clock::now() > until) break;
      std::this_thread::sleep_for(kPause);
    }
    if (!lock_ && !context.ranks_lost) {
      const std::string owner = data::FolderLock::owner_of(folder);
      refusal = fmt::format(
          "{}: another command is writing there ({}): wait until it has ended, end it, or choose "
          "another folder",
          folder, owner.empty() ? "which has only begun" : owner);
    }
  }
  context.group.broadcast_bytes(refusal, 0);
  if (!refusal.empty()) throw data::FileError(refusal);
}

}  // namespace candor::launch
