#include "launch/sweep/trial_job.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string_view>
#include <system_error>
#include <thread>

#include "launch/sweep/steady_seconds.h"

extern char** environ;

namespace candor::launch {
namespace {

constexpr const char* kToken = "CANDOR_SWEEP_JOB";
constexpr int kStopSignals[] = {SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2};

// All processes whose environment has kToken=token..., but for this one.
std::vector<pid_t> processes_of(const std::string& token) {
  const std::string wanted = std::string(kToken) + "=" + token;
  std::vector<pid_t> found;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator("/proc", ignored)) {
    const std::string name = entry.path().filename().string();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    const auto pid = static_cast<pid_t>(std::atoi(name.c_str()));
    if (pid == ::getpid()) continue;
    std::ifstream file(entry.path() / "environ", std::ios::binary);
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    for (size_t begin = 0; begin < text.size(); begin = text.find('\0', begin) + 1) {
      if (std::string_view(text).substr(begin).starts_with(wanted)) found.push_back(pid);
      if (text.find('\0', begin) == std::string::npos) break;
    }
  }
  return found;
}

int code_of(int status) {
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

[[noreturn]] void run_command(const TrialJobOptions& options) {
  ::setpgid(0, 0);
  for (const std::string& name : names_to_scrub()) ::unsetenv(name.c_str());
  for (const auto& [name, value] : options.environment) ::setenv(name.c_str(), value.c_str(), 1);
  ::setenv(kToken, options.token.c_str(), 1);
  if (::geteuid() == 0) {  // whoever starts a sweep as root wants its trainings to run as root
    for (const char* name : {"OMPI_ALLOW_RUN_AS_ROOT", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM",
                             "PRTE_ALLOW_RUN_AS_ROOT", "PRTE_ALLOW_RUN_AS_ROOT_CONFIRM"}) {
      ::setenv(name, "1", 1);
    }
  }
  for (const int signal : kStopSignals)
    ::signal(signal,
             SIG_DFL);  // the sweep's handlers end with exec; what the sweep ignores doesn't
  ::signal(SIGPIPE, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  std::vector<char*> arguments;
  for (const std::string& word : options.command)
    arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  ::execvp(arguments[0], arguments.data());
  const std::string message =
      "candor: cannot start " + options.command[0] + ": " + std::strerror(errno) + "\n";
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, message.data(), message.size());
  ::_exit(127);
}

// What mpirun left behind would write into files that the next try writes. Looks again until
// nothing is found, because a killed process ends a moment later; at most about two seconds.
void end_what_is_left(const std::string& token) {
  for (int round = 0; round < 100; ++round) {
    const std::vector<pid_t> left = processes_of(token);
    if (left.empty()) break;
    for (const pid_t pid : left) ::kill(pid, SIGKILL);
    while (::waitpid(-1, nullptr, WNOHANG) > 0) {
    }
    ::poll(nullptr, 0, 20);
  }
}

// The watching process; ends with the job's code.
[[noreturn]] void watch(const TrialJobOptions& options, int pipe_end, int ready) {
  // Nothing else of the sweep's may stay open: not the other jobs' pipes, or they would never
  // close, and not the journal's lock.
  const int kept = ::fcntl(pipe_end, F_DUPFD, 100), told = ::fcntl(ready, F_DUPFD, 100);
  ::dup2(kept, STDERR_FILENO + 1);
  pipe_end = STDERR_FILENO + 1;
  [[maybe_unused]] const ssize_t written = ::write(told, "r", 1);
  ::close_range(static_cast<unsigned>(pipe_end) + 1, ~0U,
                0);  // and so tells the sweep that it is done
  ::setsid();
  ::prctl(PR_SET_NAME, "candor-trial");
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);  // ranks that outlive mpirun become its children
  const int log = ::open(options.log_path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644),
            nothing = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  if (log < 0 || nothing < 0) ::_exit(3);
  ::dup2(nothing, STDIN_FILENO);
  ::dup2(log, STDOUT_FILENO);
  ::dup2(log, STDERR_FILENO);
  ::fcntl(pipe_end, F_SETFD, FD_CLOEXEC);
  // Until the command is executed, the sweep's handler would take what is meant for it.
  sigset_t all, before;
  sigfillset(&all);
  ::sigprocmask(SIG_SETMASK, &all, &before);
  const pid_t child = ::fork();
  if (child == 0) run_command(options);
  if (child < 0) ::_exit(3);
  for (const int signal : kStopSignals) ::signal(signal, SIG_IGN);  // the child would inherit it
  ::sigprocmask(SIG_SETMASK, &before, nullptr);
  ::setpgid(child, child);  // here too: it may be told to end before it has come to do so itself
  double asked_at = 0;
  int status = 0;
  for (;;) {
    const pid_t over = ::waitpid(child, &status, WNOHANG);
    if (over == child) break;
    pollfd wait{.fd = asked_at > 0 ? -1 : pipe_end, .events = POLLIN, .revents = 0};
    const int events = ::poll(&wait, 1, 50);
    if (asked_at == 0 && events > 0) {
      asked_at = steady_seconds();
      ::kill(-child, SIGTERM);
    }
    if (asked_at > 0 && steady_seconds() - asked_at > kGrace_s) {
      for (const pid_t pid : processes_of(options.token)) ::kill(pid, SIGKILL);
      asked_at = steady_seconds();  // again, should one have been between two lives
    }
  }
  end_what_is_left(options.token);
  ::_exit(code_of(status));
}

}  // namespace

std::vector<std::string> names_to_scrub() {
  const bool under_mpirun =
      std::getenv("OMPI_COMM_WORLD_SIZE") != nullptr || std::getenv("PMIX_RANK") != nullptr;
  std::vector<std::string> names;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const std::string name(text.substr(0, text.find('=')));
    const bool mpi =
        name.starts_with("OMPI_") || name.starts_with("PMIX_") || name.starts_with("PRTE_");
    // Settings that a user made for every mpirun stay.
    const bool setting = name.find("_ALLOW_RUN_AS_ROOT") != std::string::npos ||
                         (!under_mpirun && name.find("_MCA_") != std::string::npos);
    if ((mpi && !setting) || name == "CANDOR_THREADS_SET" || name == "CANDOR_EXIT_CODE_FILE")
      names.push_back(name);
  }
  return names;
}

TrialJob::TrialJob(const TrialJobOptions& options) {
  int ends[2], ready[2];
  if (::pipe2(ends, O_CLOEXEC) != 0 || ::pipe2(ready, O_CLOEXEC) != 0)
    throw std::system_error(errno, std::generic_category(), "pipe");
  watcher_ = ::fork();
  if (watcher_ == 0) {
    ::close(ends[1]);
    watch(options, ends[0], ready[1]);
  }
  ::close(ends[0]);
  ::close(ready[1]);
  char byte = 0;
  while (watcher_ > 0 && (::read(ready[0], &byte, 1) > 0 ||
                          errno == EINTR)) {  // until it has closed all that isn't its own
    errno = 0;
  }
  ::close(ready[0]);
  pipe_ = ends[1];
  if (watcher_ < 0) {
    const int error = errno;
    ::close(pipe_);
    throw std::system_error(error, std::generic_category(), "fork");
  }
}

TrialJob::~TrialJob() {
  end();
  while (!poll()) std::this_thread::sleep_for(std::chrono::milliseconds(20));
}

std::optional<int> TrialJob::poll() {
  if (code_) return code_;
  int status = 0;
  const pid_t over = ::waitpid(watcher_, &status, WNOHANG);
  if (over == watcher_) code_ = code_of(status);
  if (over < 0 && errno == ECHILD) code_ = 3;
  return code_;
}

void TrialJob::end() {
  if (pipe_ >= 0) ::close(std::exchange(pipe_, -1));
}

int end_orphans(const std::string& token) {
  int count = 0;
  for (int round = 0; round < 60; ++round) {
    const std::vector<pid_t> orphans = processes_of(token);
    if (orphans.empty()) return count;
    if (round == 0) count = static_cast<int>(orphans.size());
    for (const pid_t pid : orphans) ::kill(pid, round < 50 ? SIGTERM : SIGKILL);
    std::this_thread::sleep_for(std::chrono::milliseconds(round == 0 ? 300 : 200));
  }
  return count;
}

}  // namespace candor::launch
