#include "launch/program/preemption.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <functional>
#include <thread>

#include "launch/ranks/exit_codes.h"

namespace candor::launch {
namespace {

void wait_until(const std::function<bool()>& is_so) {
  while (!is_so()) std::this_thread::sleep_for(std::chrono::milliseconds(5));
}

// A process that would train, sent one signal and then another; leaves with 0 where the second made
// it save at once.
[[noreturn]] void training_that_gets(int first, int second) {
  for (const int signal : {first, second}) std::signal(signal, SIG_DFL);  // also under nohup
  block_stop_signals();
  trainer::StopRequest stop;
  std::atomic<int> saved{0};
  const trainer::StopRequest::Listener listener(&stop, [&saved] { ++saved; });
  const PreemptionWatch watch(stop, 0, [] {});
  ::kill(::getpid(), first);
  // Until the first is done with: all but SIGUSR1 are told of before they have saved.
  const int saved_by_first = first == SIGUSR1 ? 0 : 1;
  wait_until([&] { return stop.requested() && saved == saved_by_first; });
  ::kill(::getpid(), second);
  wait_until([&] { return saved > saved_by_first; });
  std::_Exit(0);
}

TEST(PreemptionDeathTest, SigtermAfterSigusr1SavesAtOnceAndAnyOtherSecondSignalEnds) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(training_that_gets(SIGUSR1, SIGTERM), testing::ExitedWithCode(0),
              "SIGUSR1: saving.*\n.*SIGTERM: saving");
  EXPECT_EXIT(training_that_gets(SIGTERM, SIGTERM), testing::ExitedWithCode(kExitPreempted),
              "stopped by SIGTERM");
  EXPECT_EXIT(training_that_gets(SIGTERM, SIGUSR1), testing::ExitedWithCode(kExitPreempted),
              "stopped by SIGUSR1");
  EXPECT_EXIT(training_that_gets(SIGUSR1, SIGUSR1), testing::ExitedWithCode(kExitPreempted),
              "stopped by SIGUSR1");
  for (const int of_terminal : {SIGINT, SIGHUP, SIGQUIT}) {
    EXPECT_EXIT(training_that_gets(SIGUSR1, of_terminal), testing::ExitedWithCode(0),
                "SIGUSR1: saving.*\n.*SIG(INT|HUP|QUIT): saving");
    EXPECT_EXIT(training_that_gets(of_terminal, of_terminal),
                testing::ExitedWithCode(kExitPreempted), "stopped by SIG(INT|HUP|QUIT)");
  }
}

TEST(PreemptionDeathTest, WhatWasIgnoredAtTheStartStaysSo) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const auto under_nohup = [] {
    std::signal(SIGHUP, SIG_IGN);
    block_stop_signals();
    trainer::StopRequest stop;
    std::atomic<int> saved{0};
    const trainer::StopRequest::Listener listener(&stop, [&saved] { ++saved; });
    const PreemptionWatch watch(stop, 0, [] {});
    ::kill(::getpid(), SIGHUP);
    ::kill(::getpid(), SIGUSR1);
    wait_until([&stop] { return stop.requested(); });
    std::_Exit(saved);
  };
  EXPECT_EXIT(under_nohup(), testing::ExitedWithCode(0), "^candor  rank 0: SIGUSR1");
}

}  // namespace
}  // namespace candor::launch
