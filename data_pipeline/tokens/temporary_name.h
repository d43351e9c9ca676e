// The name under which HDF5 writes a token file before it is published.
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <string>
#include <system_error>

#include <fmt/format.h>

#include "data_pipeline/files/file_error.h"
#include "data_pipeline/files/output_place.h"

namespace candor::data {

// A name in the target's folder that is renamed onto it once its bytes are on the disk, and removed
// if that point isn't reached.
// (Not AtomicFile: HDF5 writes to names only, and its in-memory file image has a wrong superblock
// checksum in 1.10.8.)
class TemporaryName {
 public:
  explicit TemporaryName(const std::string& path)
      : path_(file_place(path)), name_(fmt::format("{}.tmp{}", path_, ::getpid())) {
    // HDF5's own errors don't say why a folder can't be written to.
    const int descriptor = ::open(name_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (descriptor < 0) fail("can't create");
    ::close(descriptor);
  }
  ~TemporaryName() {
    if (!name_.empty()) ::unlink(name_.c_str());
  }
  TemporaryName(const TemporaryName&) = delete;
  TemporaryName& operator=(const TemporaryName&) = delete;

  const std::string& name() const { return name_; }
  void publish() {
    sync(name_, O_RDWR);
    if (std::rename(name_.c_str(), path_.c_str()) != 0) fail("can't rename to");
    name_.clear();
    const size_t slash = path_.rfind('/');
    sync(slash == std::string::npos ? "." : path_.substr(0, slash + 1), O_RDONLY | O_DIRECTORY);
  }

 private:
  // Behind links, which stay.
  static std::string file_place(const std::string& path) {
    const OutputPlace place = output_place(path);
    if (!place.is_stream) return place.path;
    throw FileError(
        fmt::format("can't create token file {}: it is a pipe or a device; remove it", path));
  }
  void sync(const std::string& name, int flags) const {
    const int descriptor = ::open(name.c_str(), flags | O_CLOEXEC);
    if (descriptor < 0) fail("can't open");
    const int status = ::fsync(descriptor);
    const int error = errno;
    ::close(descriptor);
    errno = error;
    if (status != 0) fail("can't flush");
  }
  [[noreturn]] void fail(const char* what) const {
    const int error = errno;
    throw std::system_error(error, std::generic_category(),
                            fmt::format("{} token file {}", what, path_));
  }

  std::string path_;
  std::string name_;
};

}  // namespace candor::data
