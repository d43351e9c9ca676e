// Exit codes, progress lines and threads per rank.
#include <c10/util/Exception.h>
#include <gmock/gmock.h>
#include <poll.h>
#include <pty.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <new>
#include <stdexcept>
#include <system_error>

#include "comm/comm_error.h"
#include "data_pipeline/files/file_error.h"
#include "launch/progress/progress.h"
#include "launch/ranks/exit_codes.h"
#include "launch/ranks/processor.h"
#include "launch/ranks/thread_environment.h"

namespace candor::launch {
namespace {

TEST(ExitCodes, OneForEachKindOfException) {
  const auto code = [](auto error) {
    return describe_failure(std::make_exception_ptr(error)).exit_code;
  };
  EXPECT_EQ(code(std::invalid_argument("x")), 2);
  EXPECT_EQ(code(std::system_error(ENOSPC, std::generic_category(), "x")), 3);
  EXPECT_EQ(code(data::FileError("x")), 3);
  EXPECT_EQ(code(std::runtime_error("x")), 1) << "of nobody knows what";
  EXPECT_EQ(code(comm::UnavailableError("x")), 4);
  EXPECT_EQ(code(ChildFailedError(5, "x")), 5);
  EXPECT_EQ(code(comm::CommError(0, 2, "barrier", 0, "late")), 4);
  EXPECT_EQ(code(comm::NonFiniteError("x")), 5);
  EXPECT_EQ(code(std::logic_error("x")), 1);
  EXPECT_EQ(code(std::bad_alloc()), 1);
  EXPECT_EQ(code(7), 1);
  const c10::OutOfMemoryError no_gpu_memory({__func__, __FILE__, static_cast<uint32_t>(__LINE__)},
                                            "CUDA out of memory. Tried to allocate 174 MiB");
  EXPECT_THAT(describe_failure(std::make_exception_ptr(no_gpu_memory)).message,
              testing::HasSubstr("smaller train.micro_batch_examples"));
  EXPECT_EQ(describe_failure(std::make_exception_ptr(std::logic_error("a\nback trace"))).message,
            "internal error: a");
}

TEST(ExitCodes, ErrorsOfTheSystemSayWhatToDo) {
  const auto message = [](int error) {
    return describe_failure(
               std::make_exception_ptr(std::system_error(error, std::generic_category(), "x")))
        .message;
  };
  EXPECT_EQ(message(ENOSPC),
            "x: No space left on device; free some space and give the same command again: files "
            "that were whole still are");
  EXPECT_THAT(message(EFBIG), testing::HasSubstr("free some space"));
  EXPECT_THAT(message(EROFS), testing::HasSubstr("choose another path"));
  EXPECT_THAT(message(ENOTDIR), testing::HasSubstr("choose another path"));
  EXPECT_THAT(message(ENOENT), testing::HasSubstr("check the path"));
  EXPECT_EQ(message(EIO), "x: Input/output error");
}

TEST(Progress, Line) {
  const ProgressOptions options{.name = "train", .unit = "steps", .total = 400};
  EXPECT_EQ(Progress::line(options, 100, 50, "loss 0.2"),
            "train  100/400 steps  25%  2.00 steps/s  2m30s left  loss 0.2");
  EXPECT_EQ(Progress::line(options, 0, 50, ""), "train  0/400 steps  0%");
  EXPECT_EQ(Progress::line(options, 400, 40, ""), "train  400/400 steps  100%  10 steps/s");
  const ProgressOptions resumed{
      .name = "answer", .unit = "questions", .total = 300, .done_before = 100};
  EXPECT_EQ(Progress::line(resumed, 200, 10, ""),
            "answer  200/300 questions  66%  10 questions/s  10s left");
  EXPECT_EQ(Progress::line({.name = "a", .unit = "b", .total = 0}, 0, 1, ""), "a  0/0 b");
}

TEST(Progress, PrintsPlainLinesToAFileAndNothingWhereInvisible) {
  const std::string path =
      testing::TempDir() + "/candor_progress_" + std::to_string(::getpid()) + ".txt";
  for (const bool visible : {true, false}) {
    std::FILE* file = std::fopen(path.c_str(), "w");
    Progress progress({.name = "a",
                       .unit = "b",
                       .total = 3,
                       .visible = visible,
                       .seconds_between_lines = 0,
                       .stream = file});
    for (int i = 1; i <= 3; ++i) progress.update(i);
    progress.finish("done");
    std::fclose(file);
    std::ifstream in(path);
    int lines = 0;
    for (std::string line; std::getline(in, line);) {
      ++lines;
      EXPECT_EQ(line.find('\r'), std::string::npos);
    }
    EXPECT_EQ(lines, visible ? 4 : 0);
  }
}

// What is shown on a terminal of so many columns, 0 where it doesn't say how many. Updates come
// faster than ten a second, so that only the last is sure to be shown: it is given again until it
// is.
std::string shown_on_terminal(uint16_t columns, const std::string& note) {
  int keyboard = -1, screen = -1;
  const winsize size{.ws_row = 24, .ws_col = columns, .ws_xpixel = 0, .ws_ypixel = 0};
  EXPECT_EQ(::openpty(&keyboard, &screen, nullptr, nullptr, &size), 0);
  std::FILE* stream = ::fdopen(screen, "w");
  Progress progress({.name = "train", .unit = "steps", .total = 400, .stream = stream});
  pollfd shown{.fd = keyboard, .events = POLLIN, .revents = 0};
  while (::poll(&shown, 1, 0) == 0) progress.update(120, note);
  std::fclose(stream);
  std::string text;
  char part[4096];
  for (ssize_t bytes; (bytes = ::read(keyboard, part, sizeof part)) > 0;)
    text.append(part, static_cast<size_t>(bytes));
  ::close(keyboard);
  return text;
}

TEST(Progress, IsCutToTheTerminalsWidth) {
  const std::string note = "validation: Brier äöüäöüäöüäöüäöüäöüäöüäöüäöüäöüäöüäöüäöüäöüäöü end";
  for (const uint16_t columns : {uint16_t{40}, uint16_t{80}}) {
    const std::string shown = shown_on_terminal(columns, note);
    EXPECT_THAT(shown, testing::StartsWith("\rtrain  120/400 steps  30%"));
    EXPECT_EQ(std::count(shown.begin(), shown.end(), '\n'), 0);
    const auto continues = [](char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; };
    EXPECT_EQ(
        static_cast<int64_t>(shown.size()) - std::count_if(shown.begin(), shown.end(), continues),
        columns)
        << "one column stays free, and the first character is the return";
  }
  for (const uint16_t columns : {uint16_t{0}, uint16_t{200}})
    EXPECT_THAT(shown_on_terminal(columns, note), testing::EndsWith(" end"));
}

TEST(Progress, Duration) {
  EXPECT_EQ(format_duration(8.2), "8s");
  EXPECT_EQ(format_duration(133), "2m13s");
  EXPECT_EQ(format_duration(3 * 3600 + 301), "3h05m");
}

TEST(Threads, TheDefaultIsTheUsersOrOneWhateverTheRanksAndCores) {
  unsetenv("OMP_NUM_THREADS");
  EXPECT_EQ(default_threads_per_rank(), 1);
  setenv("OMPI_COMM_WORLD_LOCAL_SIZE", "2", 1);
  EXPECT_EQ(default_threads_per_rank(), 1);
  unsetenv("OMPI_COMM_WORLD_LOCAL_SIZE");
  setenv("OMP_NUM_THREADS", "3", 1);
  EXPECT_EQ(default_threads_per_rank(), 3);
  setenv("OMP_NUM_THREADS", "three", 1);
  EXPECT_EQ(default_threads_per_rank(), 1);
}

TEST(Processor, HasAKind) {
  EXPECT_NE(this_processor().name, "");
  EXPECT_EQ(this_processor().kind, this_processor().kind);
  EXPECT_GT(this_processor().kind.size(), 5U);
}

}  // namespace
}  // namespace candor::launch
