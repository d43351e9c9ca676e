// Lets only the newest process write into a folder: a job that was replaced while it was stopped or
// cut off finds that out before it writes.
//
// Usage:   WriteFence fence(folder);   fence.take();   ...   fence.check();   write something
// The folder holds a number, writer_epoch, that each take() raises; check() compares it with the
// one taken. Between a check and the write after it another process may still take over; what is
// written then must be whole and the same that the new one would write, as checkpoints are.
// Throws std::system_error for the disk, FileError from check() when another process has
// taken over.
#pragma once

#include <cstdint>
#include <string>

namespace candor::data {

class WriteFence {
 public:
  explicit WriteFence(const std::string& folder) : path_(folder + "/writer_epoch") {}

  void take();
  void check() const;

 private:
  std::string path_;
  std::int64_t epoch_ = 0;  // 0: not taken
};

}  // namespace candor::data
