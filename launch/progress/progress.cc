#include "launch/progress/progress.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>

namespace candor::launch {
namespace {

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// 0: not known, as of a terminal that nobody told its size.
size_t columns_of(std::FILE* terminal) {
  winsize size{};
  return ioctl(fileno(terminal), TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

// The beginning of the text, at most so many code points; one is taken to be one column.
std::string beginning_of(const std::string& text, size_t code_points) {
  size_t bytes = 0;
  for (; bytes < text.size(); ++bytes) {
    const bool begins_one = (static_cast<unsigned char>(text[bytes]) & 0xC0) != 0x80;
    if (begins_one && code_points-- == 0) break;
  }
  return text.substr(0, bytes);
}

}  // namespace

std::string format_duration(double seconds) {
  const auto total = static_cast<int64_t>(std::llround(std::clamp(seconds, 0.0, 1e9)));
  if (total < 60) return fmt::format("{}s", total);
  if (total < 3600) return fmt::format("{}m{:02}s", total / 60, total % 60);
  return fmt::format("{}h{:02}m", total / 3600, total % 3600 / 60);
}

Progress::Progress(ProgressOptions options)
    : options_(std::move(options)),
      terminal_(isatty(fileno(options_.stream)) == 1),
      start_(std::chrono::steady_clock::now()),
      last_print_(start_) {}

std::string Progress::line(const ProgressOptions& options, int64_t done, double elapsed_s,
                           const std::string& note) {
  const int64_t total = std::max<int64_t>(options.total, 0);
  std::string text = fmt::format("{}  {}/{} {}", options.name, done, total, options.unit);
  if (total > 0) text += fmt::format("  {}%", done * 100 / total);
  const int64_t done_here = done - options.done_before;
  if (done_here > 0 && elapsed_s > 0) {
    const double rate = static_cast<double>(done_here) / elapsed_s;
    text += fmt::format("  {:.{}f} {}/s", rate, rate < 10 ? 2 : 0, options.unit);
    if (done < total)
      text += fmt::format("  {} left", format_duration(static_cast<double>(total - done) / rate));
  }
  if (!note.empty()) text += "  " + note;
  return text;
}

void Progress::update(int64_t done, const std::string& note) {
  if (!options_.visible ||
      seconds_since(last_print_) < (terminal_ ? 0.1 : options_.seconds_between_lines))
    return;
  last_print_ = std::chrono::steady_clock::now();
  print(line(options_, done, seconds_since(start_), note), false);
}

void Progress::finish(const std::string& note) {
  if (!options_.visible) return;
  const int64_t here = options_.total - options_.done_before;
  std::string text = fmt::format("{}  {} {} in {}", options_.name, here, options_.unit,
                                 format_duration(seconds_since(start_)));
  if (options_.done_before > 0) text += fmt::format(" ({} were there)", options_.done_before);
  if (!note.empty()) text += "  " + note;
  print(text, true);
}

void Progress::print(const std::string& text, bool last) {
  if (terminal_) {
    // One column less than there are: a full line moves some terminals to the next one. The width
    // may have changed since the last line.
    const size_t columns = columns_of(options_.stream);
    const size_t fit = columns == 0 ? text.size() : columns - 1;
    const std::string shown = last ? text : beginning_of(text, fit);
    fmt::print(options_.stream, "\r{:<{}}{}", shown, std::min(last_width_, fit), last ? "\n" : "");
    last_width_ = last ? 0 : shown.size();
  } else {
    fmt::print(options_.stream, "{}\n", text);
  }
  std::fflush(options_.stream);
}

}  // namespace candor::launch
