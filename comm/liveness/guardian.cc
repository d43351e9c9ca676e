#include "comm/liveness/guardian.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstring>
#include <string>

namespace candor::comm {
namespace {

std::int64_t now_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

// T: stopped by a signal; t: by a debugger (proc(5)).
char process_state(pid_t process) {
  char path[64], text[512];
  std::snprintf(path, sizeof path, "/proc/%d/stat", process);
  const int descriptor = ::open(path, O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return '?';
  const ssize_t length = ::read(descriptor, text, sizeof text - 1);
  ::close(descriptor);
  if (length <= 0) return '?';
  text[length] = '\0';
  const char* const name_end = std::strrchr(text, ')');  // the name itself may hold brackets
  return name_end != nullptr && name_end[1] == ' ' ? name_end[2] : '?';
}

class Guardian {
 public:
  Guardian(const GuardianOptions& options, int launcher)
      : options_(options), launcher_(launcher), last_look_ms_(now_ms()) {}

  void look() {
    const std::int64_t now = now_ms();
    // Time in which this process was stopped too, with the whole job, isn't silence of the rank.
    const std::int64_t passed_ms = std::min<std::int64_t>(now - last_look_ms_, 500);
    last_look_ms_ = now;
    const std::uint64_t beats = options_.signs->beats.load();
    silent_ms_ = beats == last_beats_ ? silent_ms_ + passed_ms : 0;
    last_beats_ = beats;
    const std::int64_t limit_ms = options_.signs->blocking_limit_ms.load(),
                       calls = options_.signs->blocking_calls.load();
    blocked_ms_ = limit_ms > 0 && calls == last_call_ ? blocked_ms_ + passed_ms : 0;
    last_call_ = calls;
    if (limit_ms > 0 && blocked_ms_ > limit_ms) {
      const char* const call = options_.signs->blocking_call.load();
      end_rank(fmt::format(
          "{} isn't complete after {:.0f} s (run.timeout_s): another rank is missing, stopped or "
          "much slower",
          call == nullptr ? "a call of MPI" : call, static_cast<double>(limit_ms) / 1000));
    }
    if (options_.heartbeat_s > 0 &&
        silent_ms_ > static_cast<std::int64_t>(options_.heartbeat_s * 1000)) {
      const char state = process_state(options_.rank_process);
      if (state == 't') {
        silent_ms_ = 0;
        return;
      }
      end_rank(fmt::format("no sign of life for {:.1f} s{} (run.heartbeat_s)",
                           static_cast<double>(silent_ms_) / 1000,
                           state == 'T' ? ", it is stopped" : ""));
    }
  }

  // Of the rank, which this process was forked from.
  void check_parent() {
    if (::getppid() == options_.rank_process) return;
    if (!options_.signs->leaving.load()) {
      say("gone without a word (killed, or ended by the system for want of memory)");
      if (!options_.signs->may_be_lost.load()) see_the_launcher_end();
    } else if (options_.signs->ends_the_job.load()) {
      see_the_launcher_end();
    }
    ::_exit(0);
  }

  void see_the_launcher_end() const {
    if (launcher_ < 0) return;
    ::close(2);  // the launcher waits for the end of its ranks' output
    pollfd ended{launcher_, POLLIN, 0};
    if (::poll(&ended, 1, static_cast<int>(options_.launcher_limit_s * 1000)) == 0)
      ::syscall(SYS_pidfd_send_signal, launcher_, SIGKILL, nullptr, 0);
  }

  void answer() {
    GuardianRequest request;
    sockaddr_storage from{};
    socklen_t from_bytes = sizeof from;
    const ssize_t got = ::recvfrom(options_.socket, &request, sizeof request, MSG_DONTWAIT,
                                   reinterpret_cast<sockaddr*>(&from), &from_bytes);
    if (got != sizeof request ||
        std::memcmp(request.magic, GuardianRequest{}.magic, sizeof request.magic) != 0 ||
        std::memcmp(request.token, options_.token, kTokenBytes) != 0) {
      return;
    }
    const LifeSigns& signs = *options_.signs;
    GuardianReply reply;
    reply.number = request.number;
    reply.group = signs.group.load();
    reply.sequence = signs.sequence.load();
    reply.silent_s = static_cast<double>(silent_ms_) / 1000;
    if (request.kind == GuardianRequest::kMaySpeak && speaker_ < 0) speaker_ = request.number;
    reply.speaker = speaker_;
    reply.stopped = process_state(options_.rank_process) == 'T' ? 1 : 0;
    ::sendto(options_.socket, &reply, sizeof reply, MSG_DONTWAIT,
             reinterpret_cast<const sockaddr*>(&from), from_bytes);
    const bool late = reply.group != request.group || reply.sequence < request.sequence;
    if (request.kind == GuardianRequest::kEndIt && late) {
      end_rank(fmt::format("the other ranks have waited for it for {:.0f} s (run.timeout_s){}",
                           request.waited_s, reply.stopped ? ", it is stopped" : ""));
    }
  }

 private:
  void say(const std::string& what) {
    const std::string text =
        fmt::format("candor: rank {} of {} (process {} on {}): {}\n", options_.rank,
                    options_.world_size, options_.rank_process, options_.host, what);
    [[maybe_unused]] const ssize_t written = ::write(2, text.data(), text.size());
  }

  void end_rank(const std::string& why) {
    if (::getppid() != options_.rank_process) return;
    say(why + "; its guardian ends it, so that nobody waits for it any longer");
    ::kill(options_.rank_process, SIGKILL);
    while (::getppid() == options_.rank_process)
      ::usleep(20'000);  // it may sit in the kernel for a while
    if (!options_.signs->may_be_lost.load()) see_the_launcher_end();
    ::_exit(0);
  }

  const GuardianOptions& options_;
  const int launcher_;  // a descriptor of that process, so that no other with its number is meant;
                        // -1: unknown
  std::int64_t last_look_ms_, silent_ms_ = 0, blocked_ms_ = 0, last_call_ = 0;
  std::uint64_t last_beats_ = 0;
  std::int32_t speaker_ = -1;
};

}  // namespace

void run_guardian(const GuardianOptions& options) {
  if (::getppid() != options.rank_process) ::_exit(0);  // gone already
  ::prctl(PR_SET_NAME, "candor-guardian");
  for (const int ignored : {SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2, SIGPIPE})
    ::signal(ignored, SIG_IGN);
  // Readable when the rank ends; where the system doesn't know such descriptors, a look at every
  // pause is enough.
  const int rank_end = static_cast<int>(::syscall(SYS_pidfd_open, options.rank_process, 0));
  const int launcher = static_cast<int>(::syscall(SYS_pidfd_open, options.launcher, 0));
  // Standard output isn't its own: whoever reads the program's output to the end waits for the last
  // process that holds it.
  for (int descriptor = 0; descriptor < 1024; ++descriptor) {
    if (descriptor != 2 && descriptor != options.socket && descriptor != rank_end &&
        descriptor != launcher)
      ::close(descriptor);
  }
  Guardian guardian(options, launcher);
  const int pause_ms = options.heartbeat_s > 0
                           ? std::clamp(static_cast<int>(options.heartbeat_s * 50), 20, 250)
                           : 250;
  for (;;) {
    pollfd ready[] = {{options.socket, POLLIN, 0}, {rank_end, POLLIN, 0}};
    if (::poll(ready, rank_end >= 0 ? 2 : 1, pause_ms) > 0 && (ready[0].revents & POLLIN) != 0)
      guardian.answer();
    if (ready[1].revents != 0)
      ::usleep(5'000);  // the end can be seen a moment before this process has another parent
    guardian.check_parent();
    guardian.look();
  }
}

}  // namespace candor::comm
