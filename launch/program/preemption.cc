#include "launch/program/preemption.h"

#include <fmt/format.h>
#include <pthread.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <ctime>
#include <utility>

#include "launch/ranks/exit_codes.h"

namespace candor::launch {
namespace {

constexpr std::pair<int, const char*> kStopSignals[] = {{SIGTERM, "SIGTERM"},
                                                        {SIGUSR1, "SIGUSR1"},
                                                        {SIGINT, "SIGINT"},
                                                        {SIGHUP, "SIGHUP"},
                                                        {SIGQUIT, "SIGQUIT"}};

sigset_t set_of_stop_signals() {
  sigset_t set;
  ::sigemptyset(&set);
  for (const int signal : stop_signals()) ::sigaddset(&set, signal);
  return set;
}

const char* name_of(int wanted) {
  for (const auto& [signal, name] : kStopSignals) {
    if (signal == wanted) return name;
  }
  return "a signal";
}

void say(int rank, const std::string& text) {
  const std::string line =
      fmt::format("candor  rank {}: ", rank) + text +
      "\n";  // no error: mpirun sends SIGTERM too when another rank has said what is wrong
  [[maybe_unused]] const ssize_t written = ::write(2, line.data(), line.size());
}

}  // namespace

std::vector<int> stop_signals() {
  std::vector<int> signals;
  for (const auto& [signal, name] : kStopSignals) {
    struct sigaction now = {};
    const bool ignored = ::sigaction(signal, nullptr, &now) == 0 && now.sa_handler == SIG_IGN;
    if (!ignored) signals.push_back(signal);
  }
  return signals;
}

void block_stop_signals() {
  const sigset_t set = set_of_stop_signals();
  ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
}

PreemptionWatch::PreemptionWatch(trainer::StopRequest& stop, int rank,
                                 std::function<void()> before_end)
    : thread_([&stop, rank, before_end = std::move(before_end)](const std::stop_token& ended) {
        const sigset_t set = set_of_stop_signals();
        bool asked = false, asked_at_once = false;
        while (!ended.stop_requested()) {
          const timespec pause{0, 100'000'000};
          const int signal = ::sigtimedwait(&set, nullptr, &pause);
          if (signal < 0) continue;  // EAGAIN: time to look whether the watch is over; EINTR
          const bool at_once = signal != SIGUSR1;
          const char* const name = name_of(signal);
          if (at_once) before_end();
          bool will_stop = false;
          try {
            will_stop = !asked_at_once && (at_once || !asked) && stop.request(at_once);
          } catch (const std::exception&) {
            will_stop = true;  // the disk: the training meets it too, and says it
          }
          if (!will_stop) {
            say(rank, fmt::format("stopped by {}; give the same command again to go on", name));
            before_end();
            std::_Exit(kExitPreempted);
          }
          asked = true;
          asked_at_once = at_once;
          if (rank == 0)
            say(rank, fmt::format("{}: saving and stopping at the end of this step", name));
        }
      }) {}

PreemptionWatch::~PreemptionWatch() {
  thread_.request_stop();
  thread_.join();
}

}  // namespace candor::launch
