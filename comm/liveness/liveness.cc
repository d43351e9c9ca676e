#include "comm/liveness/liveness.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <cstring>
#include <fstream>
#include <mutex>
#include <new>
#include <optional>
#include <random>
#include <sstream>
#include <system_error>

#include "comm/host_name.h"
#include "comm/liveness/guardian.h"

namespace candor::comm {
namespace {

std::system_error failed(const char* what) {
  return {errno, std::generic_category(), fmt::format("liveness: {}", what)};
}

// Two processes with the same text reach each other by 127.0.0.1.
std::string this_loopback() {
  std::string boot;
  std::ifstream("/proc/sys/kernel/random/boot_id") >> boot;
  struct stat network {};
  ::stat("/proc/self/ns/net", &network);
  return fmt::format("{}-{}", boot, network.st_ino);
}

std::string own_addresses() {
  std::string text;
  ifaddrs* all = nullptr;
  if (::getifaddrs(&all) != 0) return text;
  for (const ifaddrs* one = all; one != nullptr; one = one->ifa_next) {
    if (one->ifa_addr == nullptr || one->ifa_addr->sa_family != AF_INET ||
        (one->ifa_flags & IFF_LOOPBACK) != 0)
      continue;
    char name[INET_ADDRSTRLEN] = {};
    ::inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in*>(one->ifa_addr)->sin_addr, name,
                sizeof name);
    text += (text.empty() ? "" : ",") + std::string(name);
  }
  ::freeifaddrs(all);
  return text;
}

std::string hex(const char* bytes, std::size_t size) {
  std::string text;
  for (std::size_t i = 0; i < size; ++i)
    text += fmt::format("{:02x}", static_cast<unsigned char>(bytes[i]));
  return text;
}

int bound_socket() {
  const int descriptor = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (descriptor < 0) throw failed("no socket");
  sockaddr_in any{};
  any.sin_family = AF_INET;
  any.sin_addr.s_addr = htonl(INADDR_ANY);
  if (::bind(descriptor, reinterpret_cast<const sockaddr*>(&any), sizeof any) != 0)
    throw failed("the socket can't be bound");
  return descriptor;
}

int port_of(int descriptor) {
  sockaddr_in bound{};
  socklen_t bytes = sizeof bound;
  if (::getsockname(descriptor, reinterpret_cast<sockaddr*>(&bound), &bytes) != 0)
    throw failed("the socket has no name");
  return ntohs(bound.sin_port);
}

}  // namespace

struct Liveness::Peer {
  std::string host;
  int process = 0;
  std::vector<sockaddr_in> ways;  // addresses to try
  char token[kTokenBytes] = {};

  void send(int descriptor, GuardianRequest request) const {
    std::memcpy(request.token, token, kTokenBytes);
    for (const sockaddr_in& way : ways)
      ::sendto(descriptor, &request, sizeof request, 0, reinterpret_cast<const sockaddr*>(&way),
               sizeof way);
  }
};

Liveness::Liveness(const LivenessOptions& options) : options_(options) {
  void* const page =
      ::mmap(nullptr, sizeof(LifeSigns), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) throw failed("no shared page");
  signs_ = new (page) LifeSigns;
  GuardianOptions guardian{.rank_process = ::getpid(),
                           .launcher = ::getppid(),
                           .signs = signs_,
                           .socket = bound_socket(),
                           .heartbeat_s = options.heartbeat_s,
                           .launcher_limit_s = options.launcher_limit_s,
                           .rank = options.rank,
                           .world_size = options.world_size,
                           .host = host_name()};
  std::random_device random;
  for (char& byte : guardian.token) byte = static_cast<char>(random());
  address_ =
      fmt::format("{} {} {} {} {} {}", guardian.host, ::getpid(), this_loopback(),
                  port_of(guardian.socket), hex(guardian.token, kTokenBytes), own_addresses());
  guardian_ = ::fork();
  if (guardian_ < 0) throw failed("no process for the guardian");
  if (guardian_ == 0) run_guardian(guardian);
  ::close(guardian.socket);
  beat_thread_ = std::jthread([this](const std::stop_token& stop) {
    sigset_t all;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_BLOCK, &all, nullptr);
    const auto pause = std::chrono::duration<double>(
        options_.heartbeat_s > 0 ? std::clamp(options_.heartbeat_s / 10, 0.02, 1.0) : 1.0);
    std::mutex mutex;
    std::condition_variable_any wake;
    std::unique_lock lock(mutex);
    while (!stop.stop_requested()) {
      signs_->beats.fetch_add(1);
      wake.wait_for(lock, stop, pause, [] { return false; });
    }
  });
}

// The guardian stays until the process has ended, which may be stopped on the way; the page stays
// for it.
Liveness::~Liveness() {
  leaving();
  beat_thread_.request_stop();
  beat_thread_.join();
}

void Liveness::set_peers(const std::vector<std::string>& addresses) {
  const std::string loopback = this_loopback();
  peers_.clear();
  for (const std::string& address : addresses) {
    Peer& peer = peers_.emplace_back();
    std::istringstream text(address);
    std::string their_loopback, token, ways;
    int port = 0;
    text >> peer.host >> peer.process >> their_loopback >> port >> token >> ways;
    if (their_loopback == loopback) ways = "127.0.0.1";
    for (std::size_t i = 0; i < kTokenBytes && 2 * i + 1 < token.size(); ++i) {
      peer.token[i] = static_cast<char>(std::stoi(token.substr(2 * i, 2), nullptr, 16));
    }
    std::istringstream names(ways);
    for (std::string name; std::getline(names, name, ',');) {
      sockaddr_in way{};
      way.sin_family = AF_INET;
      way.sin_port = htons(static_cast<std::uint16_t>(port));
      if (::inet_pton(AF_INET, name.c_str(), &way.sin_addr) == 1) peer.ways.push_back(way);
    }
  }
}

void Liveness::may_be_lost() { signs_->may_be_lost.store(true); }

void Liveness::leaving() { signs_->leaving.store(true); }

void Liveness::ending_the_job() {
  signs_->ends_the_job.store(true);
  ::setpgid(guardian_,
            0);  // the launcher kills this rank's process group, before it waits for other hosts
  leaving();
}

void Liveness::arrived(std::int64_t group, std::int64_t sequence) {
  signs_->group.store(group, std::memory_order_relaxed);
  signs_->sequence.store(sequence, std::memory_order_release);
}

std::vector<LateRank> Liveness::late_ranks(std::int64_t group, std::int64_t sequence,
                                           const std::vector<int>& ranks) const {
  if (peers_.empty()) return {};
  const int descriptor = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (descriptor < 0) return {};
  std::vector<LateRank> late;
  std::vector<int> silent = ranks;  // haven't been heard of
  std::erase(silent, options_.rank);
  for (int attempt = 0; attempt < 4 && !silent.empty(); ++attempt) {
    for (const int rank : silent) {
      GuardianRequest request;
      request.number = rank;
      peers_.at(static_cast<std::size_t>(rank)).send(descriptor, request);
    }
    const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(250);
    while (!silent.empty()) {
      const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
                            until - std::chrono::steady_clock::now())
                            .count();
      pollfd ready{descriptor, POLLIN, 0};
      if (left <= 0 || ::poll(&ready, 1, static_cast<int>(left)) <= 0) break;
      GuardianReply reply;
      if (::recv(descriptor, &reply, sizeof reply, 0) != sizeof reply ||
          std::memcmp(reply.magic, GuardianReply{}.magic, sizeof reply.magic) != 0)
        continue;
      if (std::erase(silent, reply.number) == 0) continue;  // heard before, by another way
      if (reply.group == group && reply.sequence >= sequence) continue;
      const Peer& peer = peers_.at(static_cast<std::size_t>(reply.number));
      late.push_back(
          {reply.number,
           fmt::format(
               "rank {} (process {} on {}), which {}", reply.number, peer.process, peer.host,
               reply.stopped
                   ? "is stopped"
                   : (reply.silent_s > 2
                          ? fmt::format("shows no sign of life for {:.0f} s", reply.silent_s)
                          : std::string("is still busy with something else"))),
           true});
    }
  }
  for (const int rank : silent) {
    const Peer& peer = peers_.at(static_cast<std::size_t>(rank));
    late.push_back({rank,
                    fmt::format("rank {} (process {} on {}), which is gone or can't be reached",
                                rank, peer.process, peer.host),
                    false});
  }
  ::close(descriptor);
  std::sort(late.begin(), late.end(),
            [](const LateRank& a, const LateRank& b) { return a.rank < b.rank; });
  return late;
}

void Liveness::end(const std::vector<LateRank>& late, std::int64_t group, std::int64_t sequence,
                   double waited_s) const {
  const int descriptor = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (descriptor < 0) return;
  for (const LateRank& one : late) {
    if (!one.answers) continue;
    GuardianRequest request;
    request.kind = GuardianRequest::kEndIt;
    request.group = group;
    request.sequence = sequence;
    request.waited_s = waited_s;
    peers_.at(static_cast<std::size_t>(one.rank)).send(descriptor, request);
  }
  ::close(descriptor);
}

bool Liveness::may_speak() const {
  constexpr std::size_t kMostAsked = 3;
  const int descriptor = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (descriptor < 0) return true;
  std::optional<std::int32_t> speaker;
  for (std::size_t asked = 0; asked < std::min(peers_.size(), kMostAsked) && !speaker; ++asked) {
    for (int attempt = 0; attempt < 4 && !speaker; ++attempt) {
      GuardianRequest request;
      request.kind = GuardianRequest::kMaySpeak;
      request.number = options_.rank;
      peers_[asked].send(descriptor, request);
      pollfd ready{descriptor, POLLIN, 0};
      GuardianReply reply;
      if (::poll(&ready, 1, 250) > 0 &&
          ::recv(descriptor, &reply, sizeof reply, 0) == sizeof reply &&
          std::memcmp(reply.magic, GuardianReply{}.magic, sizeof reply.magic) == 0) {
        speaker = reply.speaker;
      }
    }
  }
  ::close(descriptor);
  return !speaker || *speaker == options_.rank;
}

Liveness::Blocking::Blocking(Liveness* liveness, const char* call, double limit_s)
    : liveness_(liveness) {
  if (liveness_ == nullptr) return;
  liveness_->signs_->blocking_call.store(call);
  liveness_->signs_->blocking_calls.fetch_add(1);
  liveness_->signs_->blocking_limit_ms.store(
      std::max<std::int64_t>(1, static_cast<std::int64_t>(limit_s * 1000)));
}

Liveness::Blocking::~Blocking() {
  if (liveness_ != nullptr) liveness_->signs_->blocking_limit_ms.store(0);
}

}  // namespace candor::comm
