// Starts the program as a user does, alone or under mpirun, and says how it ended.
#pragma once

#include <sys/wait.h>

#include <cstdio>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>

#include <fmt/format.h>

namespace candor::testing_support {

struct Outcome {
  int exit_code;     // -1 if a signal ended it, 124 if it ran into kTimeLimit
  std::string text;  // stdout and stderr
};

inline const std::string kCandor = CANDOR_BINARY_DIR "/candor ";
inline const std::string kTimeLimit =
    "timeout -k 5 120 ";  // only stops a hang, and with it the ranks

inline Outcome shell(const std::string& command) {
  std::FILE* pipe = popen(("{ " + command + " ; } 2>&1").c_str(), "r");
  if (pipe == nullptr) throw std::runtime_error("popen failed");
  Outcome outcome{-1, ""};
  char buffer[4096];
  while (const size_t got = std::fread(buffer, 1, sizeof buffer, pipe))
    outcome.text.append(buffer, got);
  const int status = pclose(pipe);
  if (WIFEXITED(status)) outcome.exit_code = WEXITSTATUS(status);
  return outcome;
}

inline const std::string kMpirun = "OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 " +
                                   kTimeLimit + "mpirun --oversubscribe --bind-to none ";

// As candor leaves it when it executes itself again (thread_environment.h), so that a start with
// one thread doesn't, and takes half the time.
inline const std::string kOneThread =
    "OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 OMP_WAIT_POLICY=passive CANDOR_THREADS_SET=1 ";

inline Outcome alone(const std::string& arguments) {
  return shell(kOneThread + kTimeLimit + kCandor + arguments);
}
inline Outcome on_ranks(int ranks, const std::string& arguments) {
  return shell(kOneThread + kMpirun + fmt::format("-np {} {}", ranks, kCandor) + arguments);
}

// Two ranks, each with arguments of its own.
inline Outcome on_two_ranks(const std::string& of_rank_0, const std::string& of_rank_1) {
  return shell(kOneThread + fmt::format("{0}-np 1 {1}{2} : -np 1 {1}{3}", kMpirun, kCandor,
                                        of_rank_0, of_rank_1));
}

inline int count_of(const std::string& part, const std::string& text) {
  int found = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++found;
  return found;
}

inline std::string text_of(const std::string& path) {
  std::ifstream stream(path, std::ios::binary);
  std::ostringstream text;
  text << stream.rdbuf();
  return text.str();
}

}  // namespace candor::testing_support
