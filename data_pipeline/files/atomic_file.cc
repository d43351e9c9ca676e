#include "data_pipeline/files/atomic_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <random>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "data_pipeline/files/mapped_file.h"

namespace candor::data {
namespace {

constexpr std::size_t kBufferBytes = 1 << 20;

}  // namespace

void flush_folder(const std::string& folder) {
  const int descriptor = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0)
    throw std::system_error(errno, std::generic_category(),
                            fmt::format("cannot open folder {}", folder));
  const int result = ::fsync(descriptor);
  const int error = errno;
  ::close(descriptor);
  if (result != 0 && error != EINVAL)
    throw std::system_error(error, std::generic_category(),
                            fmt::format("cannot flush folder {}", folder));
}

void write_file_atomically(const std::string& path, std::string_view content) {
  AtomicFile file(path);
  file.write(content);
  file.commit();
}

AtomicFile::AtomicFile(std::string path) : path_(std::move(path)), place_(output_place(path_)) {
  if (place_.is_stream) {
    open_stream();
  } else {
    open_temporary();
  }
  buffer_.reserve(kBufferBytes);
}

AtomicFile::~AtomicFile() {
  if (descriptor_ < 0) return;
  ::close(descriptor_);
  if (!temporary_path_.empty()) ::unlink(temporary_path_.c_str());
}

// An open descriptor isn't opened again: a file that standard output goes to would be written from
// its beginning.
void AtomicFile::open_stream() {
  descriptor_ = place_.descriptor >= 0
                    ? ::fcntl(place_.descriptor, F_DUPFD_CLOEXEC, 0)
                    : ::open(place_.path.c_str(), O_WRONLY | O_NOCTTY | O_CLOEXEC);
  if (descriptor_ < 0) fail("open");
}

void AtomicFile::open_temporary() {
  std::random_device random;
  // A random name, not a process id: ranks in different containers may share both ids and the
  // folder.
  temporary_path_ = fmt::format("{}.tmp-{:08x}{:08x}", place_.path, random(), random());
  descriptor_ = ::open(temporary_path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (descriptor_ < 0) fail("create");
}

void AtomicFile::fail(const char* what) {
  throw std::system_error(errno, std::generic_category(), fmt::format("cannot {} {}", what, path_));
}

void AtomicFile::write_all(const char* data, std::size_t size_bytes) {
  while (size_bytes > 0) {
    const ssize_t written = ::write(descriptor_, data, size_bytes);
    if (written < 0) {
      if (errno == EINTR) continue;
      if (errno != EAGAIN) fail("write");
      wait_until_writable();
      continue;
    }
    data += written;
    size_bytes -= static_cast<std::size_t>(written);
  }
}

// A pipe that somebody else made so that it doesn't wait by itself.
void AtomicFile::wait_until_writable() {
  pollfd waiting{.fd = descriptor_, .events = POLLOUT, .revents = 0};
  if (::poll(&waiting, 1, /*timeout=*/-1) < 0 && errno != EINTR) fail("write");
}

void AtomicFile::flush() {
  write_all(buffer_.data(), buffer_.size());
  buffer_.clear();
}

void AtomicFile::write(const void* data, std::size_t size_bytes) {
  if (descriptor_ < 0) throw std::logic_error("AtomicFile::write after commit");
  if (size_bytes == 0) return;
  hasher_.add({static_cast<const std::byte*>(data), size_bytes});
  if (buffer_.size() + size_bytes > kBufferBytes) flush();
  if (size_bytes >= kBufferBytes) {
    write_all(static_cast<const char*>(data), size_bytes);
  } else {
    buffer_.append(static_cast<const char*>(data), size_bytes);
  }
}

void AtomicFile::compare_with_what_was_meant() {
  hash_ = hasher_.hash();
  if (content_hash(MappedFile(temporary_path_).bytes()) == hash_) return;
  throw std::system_error(EIO, std::generic_category(),
                          fmt::format("{}: what is on the disk isn't what was written", path_));
}

void AtomicFile::commit(const std::function<void(const std::string&)>& before_rename) {
  if (descriptor_ < 0) throw std::logic_error("AtomicFile::commit after commit");
  flush();
  if (place_.is_stream) {
    hash_ = hasher_.hash();
    ::close(std::exchange(descriptor_, -1));
    return;
  }
  if (::fsync(descriptor_) != 0) fail("flush to disk");
  compare_with_what_was_meant();
  if (before_rename) before_rename(temporary_path_);
  // Renamed before closing, so that a failure still leaves the destructor everything to clean up.
  // All data is on disk by now.
  if (::rename(temporary_path_.c_str(), place_.path.c_str()) != 0)
    fail("rename the temporary file to");
  const int descriptor = std::exchange(descriptor_, -1);
  ::close(descriptor);
  const std::string folder = std::filesystem::path(place_.path).parent_path().string();
  flush_folder(folder.empty() ? "." : folder);
}

}  // namespace candor::data
