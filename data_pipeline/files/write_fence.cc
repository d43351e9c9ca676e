#include "data_pipeline/files/write_fence.h"

#include <fmt/format.h>

#include <charconv>
#include <filesystem>

#include "data_pipeline/files/atomic_file.h"
#include "data_pipeline/files/file_error.h"
#include "data_pipeline/files/read_file.h"

namespace candor::data {
namespace {

// 0 where there is none, or none that can be read: the next one is 1 then, and an older process
// notices all the same, because its own differs.
std::int64_t epoch_in(const std::string& path) {
  if (!std::filesystem::exists(path)) return 0;
  const std::string text = read_file(path);
  std::int64_t epoch = 0;
  std::from_chars(text.data(), text.data() + text.size(), epoch);
  return epoch;
}

}  // namespace

void WriteFence::take() {
  std::filesystem::create_directories(std::filesystem::path(path_).parent_path());
  epoch_ = epoch_in(path_) + 1;
  write_file_atomically(path_, fmt::format("{}\n", epoch_));
}

void WriteFence::check() const {
  const std::int64_t now = epoch_in(path_);
  if (now == epoch_) return;
  throw FileError(
      fmt::format("{}: another candor has begun to write into this folder (its number is {}, that "
                  "of this process {}): this one writes nothing more; "
                  "end one of them",
                  path_, now, epoch_));
}

}  // namespace candor::data
