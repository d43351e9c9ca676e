// Preloaded into candor by the fault campaign: shows it the faults of $CANDOR_FAULT (fault_plan.h)
// at calls of MPI and of the C library.
// MPI is declared here, not included: handles of Open MPI are pointers, so that one library serves
// under its versions 4 and 5.
#include <dlfcn.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <sys/uio.h>

#include <cstdarg>
#include <memory>
#include <vector>

#include "tests/faults/fault_plan.h"

namespace {

using candor::faults::Fault;
using candor::faults::matches;
using candor::faults::Plan;

const bool kAnnounced = Plan::of_process().is_here();  // says who it is as soon as it is loaded

template <typename Function>
Function* real(const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

std::string path_of(int descriptor) {
  char link[64], path[4096];
  std::snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
  const ssize_t length = readlink(link, path, sizeof path);
  return length > 0 ? std::string(path, static_cast<size_t>(length)) : "";
}

template <typename Call>
int mpi_call(const char* name, Call call) {
  Plan& plan = Plan::of_process();
  plan.count(name);
  plan.due(name, "during");
  if (const Fault* fault = plan.due(name, "before")) Plan::send_signal(*fault);
  const int code = call();
  if (const Fault* fault = plan.due(name, "after")) Plan::send_signal(*fault);
  return code;
}

// The result of a call that fails where a fault of a file says so.
template <typename Result, typename Call>
Result file_call(const char* name, const std::string& path, Result failed, Call call) {
  Plan& plan = Plan::of_process();
  for (const char* when : {"before", "after"}) {
    if (when == std::string_view("after")) failed = call();
    if (const Fault* fault = plan.due(name, when, path)) {
      Plan::send_signal(*fault);
      if (fault->does("ENOSPC") || fault->does("EIO")) {
        errno = fault->does("EIO") ? EIO : ENOSPC;
        return when == std::string_view("before") ? failed : static_cast<Result>(-1);
      }
    }
  }
  return failed;
}

size_t place_in(size_t all_bytes, std::string_view place) {
  if (place == "all") return all_bytes;
  if (place == "half") return all_bytes / 2;
  if (place == "last-1") return all_bytes - 1;
  return std::min<size_t>(all_bytes, place == "1" ? 1 : 0);
}

std::vector<char> flipped(const void* data, size_t bytes, std::string_view place) {
  std::vector<char> copy(static_cast<const char*>(data), static_cast<const char*>(data) + bytes);
  char& chosen = copy[std::min(bytes - 1, place_in(bytes, place))];
  chosen = static_cast<char>(chosen ^ 4);
  return copy;
}

void note_step(const std::string& path, const void* data, size_t bytes) {
  if (!path.ends_with("/metrics.jsonl")) return;
  const std::string_view text(static_cast<const char*>(data), bytes);
  constexpr std::string_view kBegin = R"({"step":)";
  if (text.starts_with(kBegin))
    Plan::of_process().note(
        "step " + std::string(text.substr(kBegin.size(), text.find(',') - kBegin.size())));
}

// `write_some(data, bytes, begin)` writes these bytes, the call's from its byte `begin` on; -1 and
// errno where a fault says so.
template <typename WriteSome>
ssize_t faulty_write(int descriptor, const void* data, size_t bytes, WriteSome write_some) {
  Plan& plan = Plan::of_process();
  if (bytes == 0 || descriptor < 3 || !plan.is_here()) return write_some(data, bytes, 0);
  const std::string path = path_of(descriptor);
  for (const Fault& fault : plan.all()) {
    if (!fault.disk_full || !matches(fault.get("path"), path)) continue;
    errno = ENOSPC;
    return -1;
  }
  Fault* const fault = plan.due("write", "before", path);
  if (fault == nullptr) {
    const ssize_t written = write_some(data, bytes, 0);
    note_step(path, data, bytes);
    return written;
  }
  const std::string_view place = fault->get("bytes", "0");
  const size_t first = place_in(bytes, place);
  if (fault->does("FLIP")) return write_some(flipped(data, bytes, place).data(), bytes, 0);
  if (fault->does("SHORT")) return write_some(data, std::max<size_t>(1, std::min(first, bytes)), 0);
  if (fault->does("ENOSPC") || fault->does("EIO")) {
    if (fault->does("ENOSPC")) fault->disk_full = true;
    if (fault->does("ENOSPC") && first > 0) return write_some(data, first, 0);
    errno = fault->does("EIO") ? EIO : ENOSPC;
    return -1;
  }
  if (first > 0 && write_some(data, first, 0) != static_cast<ssize_t>(first)) return -1;
  Plan::send_signal(*fault);
  if (first == bytes) return static_cast<ssize_t>(bytes);
  const ssize_t rest = write_some(static_cast<const char*>(data) + first, bytes - first, first);
  return rest < 0 ? rest : rest + static_cast<ssize_t>(first);
}

template <typename Read>
ssize_t faulty_read(int descriptor, void* data, Read read_some) {
  Fault* const fault = descriptor > 2 && Plan::of_process().has_faults()
                           ? Plan::of_process().due("read", "before", path_of(descriptor))
                           : nullptr;
  if (fault == nullptr) return read_some();
  Plan::send_signal(*fault);
  if (fault->does("EIO")) {
    errno = EIO;
    return -1;
  }
  const ssize_t got = read_some();
  if (fault->does("FLIP") && got > 0) {
    std::memcpy(data, flipped(data, static_cast<size_t>(got), fault->get("bytes", "0")).data(),
                static_cast<size_t>(got));
  }
  return got;
}

using Open = int(const char*, int, ...);

int faulty_open(Open* next, const char* path, int flags, mode_t mode) {
  if (!Plan::of_process().has_faults()) return next(path, flags, mode);
  return file_call("open", path, -1, [&] { return next(path, flags, mode); });
}

std::FILE* faulty_fopen(std::FILE* (*next)(const char*, const char*), const char* path,
                        const char* mode) {
  const Fault* const fault = Plan::of_process().due("open", "before", path);
  if (fault == nullptr) return next(path, mode);
  Plan::send_signal(*fault);
  if (!fault->does("EIO") && !fault->does("ENOSPC")) return next(path, mode);
  errno = fault->does("EIO") ? EIO : ENOSPC;
  return nullptr;
}

void* faulty_mmap(void* (*next)(void*, size_t, int, int, int, off_t), void* at, size_t bytes,
                  int protection, int flags, int descriptor, off_t offset) {
  const bool is_file =
      descriptor > 2 && (flags & MAP_ANONYMOUS) == 0 && Plan::of_process().has_faults();
  const Fault* const fault =
      is_file ? Plan::of_process().due("read", "before", path_of(descriptor)) : nullptr;
  if (fault == nullptr) return next(at, bytes, protection, flags, descriptor, offset);
  Plan::send_signal(*fault);
  if (fault->does("EIO")) {
    errno = EIO;
    return MAP_FAILED;
  }
  if (!fault->does("FLIP") || (flags & MAP_PRIVATE) == 0)
    return next(at, bytes, protection, flags, descriptor, offset);
  void* const data = next(at, bytes, PROT_READ | PROT_WRITE, flags, descriptor, offset);
  if (data == MAP_FAILED) return data;
  std::memcpy(data, flipped(data, bytes, fault->get("bytes", "0")).data(), bytes);
  mprotect(data, bytes, protection);
  return data;
}

}  // namespace

extern "C" {

// Each replaces the MPI function of its name; handles are pointers.
#define CANDOR_FAULT_MPI(name, parameters, arguments)       \
  int name parameters {                                     \
    static const auto next = real<int parameters>(#name);   \
    return mpi_call(#name, [&] { return next arguments; }); \
  }

CANDOR_FAULT_MPI(MPI_Init_thread, (int* argc, char*** argv, int required, int* provided),
                 (argc, argv, required, provided))
CANDOR_FAULT_MPI(MPI_Finalize, (), ())
CANDOR_FAULT_MPI(MPI_Comm_dup, (void* comm, void** copy), (comm, copy))
CANDOR_FAULT_MPI(MPI_Ibarrier, (void* comm, void** request), (comm, request))
CANDOR_FAULT_MPI(MPI_Ibcast,
                 (void* data, int count, void* type, int root, void* comm, void** request),
                 (data, count, type, root, comm, request))
CANDOR_FAULT_MPI(MPI_Iallreduce,
                 (const void* from, void* to, int count, void* type, void* op, void* comm,
                  void** request),
                 (from, to, count, type, op, comm, request))
CANDOR_FAULT_MPI(MPI_Iallgather,
                 (const void* from, int sent, void* type, void* to, int received, void* other_type,
                  void* comm, void** request),
                 (from, sent, type, to, received, other_type, comm, request))
CANDOR_FAULT_MPI(MPI_Iallgatherv,
                 (const void* from, int sent, void* type, void* to, const int* received,
                  const int* places, void* other_type, void* comm, void** request),
                 (from, sent, type, to, received, places, other_type, comm, request))
#undef CANDOR_FAULT_MPI

int MPI_Test(void** request, int* done, void* status) {
  static const auto next = real<int(void**, int*, void*)>("MPI_Test");
  if (Plan::of_process().has_faults()) {
    for (Fault& fault : Plan::of_process().all()) {
      if (fault.tests_left > 0 && --fault.tests_left == 0 && Plan::claim(fault))
        Plan::send_signal(fault);
    }
  }
  return next(request, done, status);
}

ssize_t write(int descriptor, const void* data, size_t bytes) {
  static const auto next = real<ssize_t(int, const void*, size_t)>("write");
  return faulty_write(descriptor, data, bytes, [&](const void* some, size_t some_bytes, size_t) {
    return next(descriptor, some, some_bytes);
  });
}

ssize_t pwrite(int descriptor, const void* data, size_t bytes, off_t offset) {
  static const auto next = real<ssize_t(int, const void*, size_t, off_t)>("pwrite");
  return faulty_write(
      descriptor, data, bytes, [&](const void* some, size_t some_bytes, size_t begin) {
        return next(descriptor, some, some_bytes, offset + static_cast<off_t>(begin));
      });
}

ssize_t pwrite64(int descriptor, const void* data, size_t bytes, off_t offset) {
  return pwrite(descriptor, data, bytes, offset);
}

// The C library writes for stdio without passing by here, so its buffer ends here.
size_t fwrite(const void* data, size_t element_bytes, size_t count, std::FILE* file) {
  static const auto next = real<size_t(const void*, size_t, size_t, std::FILE*)>("fwrite");
  if (element_bytes * count == 0 || fileno(file) < 3 || !Plan::of_process().is_here())
    return next(data, element_bytes, count, file);
  const ssize_t written = faulty_write(
      fileno(file), data, element_bytes * count, [&](const void* some, size_t some_bytes, size_t) {
        const size_t passed = next(some, 1, some_bytes, file);
        return std::fflush(file) == 0 ? static_cast<ssize_t>(passed) : -1;
      });
  if (written >= 0 && static_cast<size_t>(written) < element_bytes * count)
    errno = ENOSPC;  // stdio tries the rest itself
  return written < 0 ? 0 : static_cast<size_t>(written) / element_bytes;
}

int fsync(int descriptor) {
  static const auto next = real<int(int)>("fsync");
  if (!Plan::of_process().has_faults()) return next(descriptor);
  return file_call("fsync", path_of(descriptor), -1, [&] { return next(descriptor); });
}

int rename(const char* from, const char* to) {
  static const auto next = real<int(const char*, const char*)>("rename");
  if (!Plan::of_process().is_here()) return next(from, to);
  const int result =
      file_call("rename", std::string(from) + " " + to, -1, [&] { return next(from, to); });
  const std::string_view name(to);
  const size_t group = name.find("answers.jsonl.partial/group_");
  if (result == 0 && group != std::string_view::npos)
    Plan::of_process().note("group " + std::string(name.substr(group + 28, 6)));
  return result;
}

int open(const char* path, int flags, ...) {
  std::va_list arguments;
  va_start(arguments, flags);
  const mode_t mode =
      (flags & (O_CREAT | O_TMPFILE)) != 0 ? static_cast<mode_t>(va_arg(arguments, int)) : 0;
  va_end(arguments);
  static const auto next = real<Open>("open");
  return faulty_open(next, path, flags, mode);
}

int open64(const char* path, int flags, ...) {
  std::va_list arguments;
  va_start(arguments, flags);
  const mode_t mode =
      (flags & (O_CREAT | O_TMPFILE)) != 0 ? static_cast<mode_t>(va_arg(arguments, int)) : 0;
  va_end(arguments);
  static const auto next = real<Open>("open64");
  return faulty_open(next, path, flags, mode);
}

std::FILE* fopen(const char* path, const char* mode) {
  static const auto next = real<std::FILE*(const char*, const char*)>("fopen");
  return faulty_fopen(next, path, mode);
}

std::FILE* fopen64(const char* path, const char* mode) {
  static const auto next = real<std::FILE*(const char*, const char*)>("fopen64");
  return faulty_fopen(next, path, mode);
}

ssize_t read(int descriptor, void* data, size_t bytes) {
  static const auto next = real<ssize_t(int, void*, size_t)>("read");
  return faulty_read(descriptor, data, [&] { return next(descriptor, data, bytes); });
}

ssize_t pread(int descriptor, void* data, size_t bytes, off_t offset) {
  static const auto next = real<ssize_t(int, void*, size_t, off_t)>("pread");
  return faulty_read(descriptor, data, [&] { return next(descriptor, data, bytes, offset); });
}

ssize_t pread64(int descriptor, void* data, size_t bytes, off_t offset) {
  return pread(descriptor, data, bytes, offset);
}

void* mmap(void* at, size_t bytes, int protection, int flags, int descriptor, off_t offset) {
  static const auto next = real<void*(void*, size_t, int, int, int, off_t)>("mmap");
  return faulty_mmap(next, at, bytes, protection, flags, descriptor, offset);
}

void* mmap64(void* at, size_t bytes, int protection, int flags, int descriptor, off_t offset) {
  return mmap(at, bytes, protection, flags, descriptor, offset);
}

}  // extern "C"
