// One command at a time writes into a folder (a run's, a journal's): two would take each other's
// files for damaged.
//
// Collective: the constructor. While the lock lives, another job's throws data::FileError on all
// ranks, which names the process that has it. A job that lost ranks owns the folder already, and
// its new rank 0 doesn't wait for the lost one (data::WriteFence keeps that from writing).
#pragma once

#include <optional>
#include <string>

#include "data_pipeline/files/folder_lock.h"
#include "launch/context/run_context.h"

namespace candor::launch {

class WriterLock {
 public:
  // Makes the folder where it isn't there. Throws std::system_error too.
  WriterLock(const std::string& folder, const std::string& command, RunContext& context);

 private:
  std::optional<data::FolderLock> lock_;  // rank 0's
};

}  // namespace candor::launch
