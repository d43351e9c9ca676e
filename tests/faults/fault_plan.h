// What $CANDOR_FAULT tells this process to break, and when. Faults are separated by ';', the keys
// of one by ',':
//
//   rank=1        only in that rank; left out: in whichever rank comes there first
//   call=NAME     an MPI function, or write, fsync, rename, open, read (each with its relatives:
//   pwrite, fwrite; fopen; pread, mmap) path=A*B      file calls: the path has these parts, in this
//   order nth=17        the 17th such call of the process (1) when=before   or after; MPI: during =
//   in the second MPI_Test after the call (before) bytes=half    write: so many of the call's bytes
//   pass first, 0, 1, half, last-1 or all; FLIP: which byte (0) do=SIGKILL    or SIGSTOP, SIGTERM
//   (to itself), ENOSPC (for good), EIO, SHORT (a short write), FLIP (of one bit) since=FILE
//   counting begins when this file is there marker=FILE   made with O_EXCL right before acting;
//   where it is there already nothing happens, so a restarted job runs through
//
// Only a process that mpirun started and whose program is called candor acts, not its children.
// With $CANDOR_FAULT_NOTES, a folder, it says there
// who it is (rank.RANK.PID), which steps and groups of answers it finishes (trace) and, at exit,
// how often it made each call (counts.RANK).
#pragma once

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <map>
#include <string>
#include <string_view>

namespace candor::faults {

struct Fault {
  std::map<std::string, std::string, std::less<>> keys;
  std::atomic<long> seen{0};
  std::atomic<int> tests_left{-1};  // when=during: calls of MPI_Test before it acts
  std::atomic<bool> disk_full{false};

  std::string_view get(std::string_view key, std::string_view otherwise = "") const {
    const auto found = keys.find(key);
    return found == keys.end() ? otherwise : std::string_view(found->second);
  }
  bool does(std::string_view action) const { return get("do") == action; }
};

// Without passing by the functions that this library replaces.
inline bool make_file(const std::string& path, const std::string& text, int flags) {
  const long descriptor =
      syscall(SYS_openat, AT_FDCWD, path.c_str(), flags | O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
  if (descriptor < 0) return false;
  syscall(SYS_write, descriptor, text.data(), text.size());
  syscall(SYS_close, descriptor);
  return true;
}

inline bool matches(std::string_view pattern, std::string_view path) {
  for (;;) {
    const std::size_t star = pattern.find('*');
    const std::string_view part = pattern.substr(0, star);
    const std::size_t at = path.find(part);
    if (at == std::string_view::npos) return false;
    if (star == std::string_view::npos) return true;
    path.remove_prefix(at + part.size());
    pattern.remove_prefix(star + 1);
  }
}

class Plan {
 public:
  static Plan& of_process() {
    static Plan plan;
    return plan;
  }

  // Whether this process breaks anything, or notes anything. False in a child.
  bool is_here() const { return is_rank_ && getpid() == pid_; }
  bool has_faults() const { return !faults_.empty() && is_here(); }
  std::deque<Fault>& all() { return faults_; }

  // The fault that this call is to show, claimed; nullptr where there is none.
  Fault* due(std::string_view call, std::string_view when, std::string_view path = {}) {
    if (!has_faults()) return nullptr;
    for (Fault& fault : faults_) {
      if (fault.get("call") != call || fault.get("when", "before") != when ||
          !matches(fault.get("path"), path) || !has_begun(fault))
        continue;
      if (++fault.seen != std::atol(std::string(fault.get("nth", "1")).c_str())) continue;
      if (when == "during") {
        fault.tests_left = 2;
        continue;
      }
      if (claim(fault)) return &fault;
    }
    return nullptr;
  }

  static bool claim(const Fault& fault) {
    const std::string marker(fault.get("marker"));
    return marker.empty() || make_file(marker, "", O_EXCL);
  }

  // For actions that are signals.
  static void send_signal(const Fault& fault) {
    const int number = fault.does("SIGKILL")   ? SIGKILL
                       : fault.does("SIGSTOP") ? SIGSTOP
                       : fault.does("SIGTERM") ? SIGTERM
                                               : 0;
    if (number == 0) return;
    kill(getpid(), number);
    if (number == SIGKILL) pause();
  }

  void note(const std::string& line) const {
    if (!notes_.empty() && is_here())
      make_file(notes_ + "/trace", std::to_string(pid_) + " " + line + "\n", O_APPEND);
  }

  void count(const char* call) {
    if (!notes_.empty() && is_here()) ++counts_[call];
  }

  ~Plan() {
    if (notes_.empty() || !is_here()) return;
    std::string text;
    for (const auto& [call, number] : counts_)
      text += std::string(call) + " " + std::to_string(number) + "\n";
    make_file(notes_ + "/counts." + rank_, text, O_TRUNC);
  }

 private:
  Plan() : pid_(getpid()) {
    const char* rank = std::getenv("OMPI_COMM_WORLD_RANK");
    char program[4096];
    const ssize_t length = readlink("/proc/self/exe", program, sizeof program);
    if (rank == nullptr || length <= 0 ||
        !std::string_view(program, static_cast<std::size_t>(length)).ends_with("/candor"))
      return;
    is_rank_ = true;
    rank_ = rank;
    if (const char* notes = std::getenv("CANDOR_FAULT_NOTES")) notes_ = notes;
    if (const char* text = std::getenv("CANDOR_FAULT")) read(text);
    if (!notes_.empty()) make_file(notes_ + "/rank." + rank_ + "." + std::to_string(pid_), "", 0);
  }

  void read(std::string_view text) {
    while (!text.empty()) {
      const std::string_view one = text.substr(0, text.find(';'));
      text.remove_prefix(std::min(text.size(), one.size() + 1));
      Fault& fault = faults_.emplace_back();
      for (std::string_view left = one; !left.empty();) {
        const std::string_view pair = left.substr(0, left.find(','));
        left.remove_prefix(std::min(left.size(), pair.size() + 1));
        const std::size_t equals = pair.find('=');
        if (equals != std::string_view::npos)
          fault.keys.emplace(pair.substr(0, equals), pair.substr(equals + 1));
      }
      if (fault.get("rank", rank_) != rank_) faults_.pop_back();
    }
  }

  static bool has_begun(const Fault& fault) {
    const std::string since(fault.get("since"));
    return since.empty() || syscall(SYS_access, since.c_str(), F_OK) == 0;
  }

  const pid_t pid_;
  bool is_rank_ = false;
  std::string rank_, notes_;
  std::deque<Fault> faults_;
  std::map<std::string, long> counts_;  // MPI calls come from one thread at a time
};

}  // namespace candor::faults
