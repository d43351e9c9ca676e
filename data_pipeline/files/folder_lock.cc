#include "data_pipeline/files/folder_lock.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>

#include "data_pipeline/files/read_file.h"

namespace candor::data {
namespace {

std::string path_in(const std::string& folder) { return folder + "/" + FolderLock::kFileName; }

[[noreturn]] void fail(const char* what, const std::string& path) {
  throw std::system_error(errno, std::generic_category(), fmt::format("cannot {} {}", what, path));
}

}  // namespace

std::optional<FolderLock> FolderLock::take(const std::string& folder, const std::string& owner) {
  const std::string path = path_in(folder);
  const int descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (descriptor < 0) fail("open", path);
  if (::flock(descriptor, LOCK_EX | LOCK_NB) != 0) {
    const int error = errno;
    if (error != ENOLCK && error != ENOTSUP && error != ENOSYS && error != EINVAL) {
      ::close(descriptor);
      errno = error;
      if (error == EWOULDBLOCK) return std::nullopt;
      fail("lock", path);
    }
  }
  FolderLock lock(descriptor);
  const std::string line = owner + "\n";
  if (::ftruncate(descriptor, 0) != 0 ||
      ::pwrite(descriptor, line.data(), line.size(), 0) != static_cast<ssize_t>(line.size()))
    fail("write", path);
  return lock;
}

std::string FolderLock::owner_of(const std::string& folder) {
  if (!std::filesystem::exists(path_in(folder))) return "";
  std::string text = read_file(path_in(folder));
  while (text.ends_with('\n')) text.pop_back();
  return text;
}

FolderLock::FolderLock(FolderLock&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)) {}

FolderLock& FolderLock::operator=(FolderLock&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  return *this;
}

FolderLock::~FolderLock() {
  if (descriptor_ < 0) return;
  [[maybe_unused]] const int emptied = ::ftruncate(descriptor_, 0);
  ::close(descriptor_);
}

}  // namespace candor::data
