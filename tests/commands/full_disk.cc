// Preloaded into candor by full_disk_test: the disk is full for one file. Writes to any file whose
// path contains $FULL_DISK_FILE get $FULL_DISK_ROOM_BYTES bytes in all (0 if unset), then fail with
// ENOSPC, as on a real disk after a short write; other files are left alone. (Mounting a small disk
// takes root, and a limit on file sizes meets Open MPI's own files and says something else.)
#include <dlfcn.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace {

std::atomic<long long>& room_bytes() {
  static const char* text = std::getenv("FULL_DISK_ROOM_BYTES");
  static std::atomic<long long> room = text == nullptr ? 0 : std::atoll(text);
  return room;
}

bool is_chosen(int descriptor) {
  static const char* const part = std::getenv("FULL_DISK_FILE");
  if (part == nullptr) return false;
  char link[64], path[4096];
  std::snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
  const ssize_t length = readlink(link, path, sizeof path - 1);
  if (length <= 0) return false;
  path[length] = '\0';
  return std::strstr(path, part) != nullptr;
}

// How many of these bytes still go onto the disk.
size_t granted(size_t wanted_bytes) {
  const long long before = room_bytes().fetch_sub(static_cast<long long>(wanted_bytes));
  return static_cast<size_t>(
      std::clamp<long long>(before, 0, static_cast<long long>(wanted_bytes)));
}

template <typename Function>
Function* real(const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

// `write_some` writes that many of the first bytes.
template <typename WriteSome>
ssize_t limited(int descriptor, size_t wanted_bytes, WriteSome write_some) {
  if (wanted_bytes == 0 || !is_chosen(descriptor)) return write_some(wanted_bytes);
  const size_t allowed = granted(wanted_bytes);
  if (allowed > 0) return write_some(allowed);
  errno = ENOSPC;
  return -1;
}

}  // namespace

extern "C" {

ssize_t write(int descriptor, const void* data, size_t bytes) {
  static const auto next = real<ssize_t(int, const void*, size_t)>("write");
  return limited(descriptor, bytes, [&](size_t some) { return next(descriptor, data, some); });
}

ssize_t pwrite(int descriptor, const void* data, size_t bytes, off_t offset) {
  static const auto next = real<ssize_t(int, const void*, size_t, off_t)>("pwrite");
  return limited(descriptor, bytes,
                 [&](size_t some) { return next(descriptor, data, some, offset); });
}

ssize_t pwrite64(int descriptor, const void* data, size_t bytes, off64_t offset) {
  static const auto next = real<ssize_t(int, const void*, size_t, off64_t)>("pwrite64");
  return limited(descriptor, bytes,
                 [&](size_t some) { return next(descriptor, data, some, offset); });
}

ssize_t sendfile(int to, int from, off_t* offset, size_t bytes) {
  static const auto next = real<ssize_t(int, int, off_t*, size_t)>("sendfile");
  return limited(to, bytes, [&](size_t some) { return next(to, from, offset, some); });
}

// The C library writes for stdio without passing by here, so its buffer ends here already.
size_t fwrite(const void* data, size_t element_bytes, size_t count, std::FILE* file) {
  static const auto next = real<size_t(const void*, size_t, size_t, std::FILE*)>("fwrite");
  const size_t wanted_bytes = element_bytes * count;
  if (wanted_bytes == 0 || !is_chosen(fileno(file))) return next(data, element_bytes, count, file);
  const size_t allowed = granted(wanted_bytes);
  if (allowed == wanted_bytes) return next(data, element_bytes, count, file);
  next(data, 1, allowed, file);
  std::fflush(file);
  errno = ENOSPC;
  return allowed / element_bytes;
}

}  // extern "C"
