#include "launch/sweep/sweep_journal.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <filesystem>
#include <span>
#include <stdexcept>
#include <system_error>

#include "data_pipeline/files/content_hash.h"
#include "data_pipeline/files/read_file.h"

namespace candor::launch {
namespace {

constexpr const char* kCheck = "check";

std::string check_of(nlohmann::ordered_json event) {
  event.erase(kCheck);
  const std::string text = event.dump();
  return data::content_hash(std::as_bytes(std::span(text)));
}

[[noreturn]] void fail(const std::string& path) {
  throw std::system_error(errno, std::generic_category(), "cannot write " + path);
}

// Its events, and how many bytes of the text they are.
std::vector<nlohmann::ordered_json> events_in(const std::string& text, const std::string& path,
                                              size_t& whole_bytes) {
  std::vector<nlohmann::ordered_json> events;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = text.find('\n', begin);
    const std::string line =
        text.substr(begin, end == std::string::npos ? std::string::npos : end - begin);
    const nlohmann::ordered_json event =
        nlohmann::ordered_json::parse(line, nullptr, /*allow_exceptions=*/false);
    if (!event.is_object() || event.value(kCheck, "") != check_of(event) ||
        end == std::string::npos) {
      if (end == std::string::npos || end + 1 == text.size()) break;  // cut off by a kill
      throw std::invalid_argument(fmt::format(
          "{}: line {} is damaged; put a copy of the file back, or choose another sweep.dir", path,
          events.size() + 1));
    }
    events.push_back(event);
    begin = whole_bytes = end + 1;
  }
  return events;
}

}  // namespace

SweepJournal::SweepJournal(const std::string& dir) : path_(path(dir)) {
  std::filesystem::create_directories(dir);
  const std::string lock_path = dir + "/journal.lock";
  lock_ = ::open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (lock_ < 0) fail(lock_path);
  if (::flock(lock_, LOCK_EX | LOCK_NB) != 0) {
    ::close(lock_);
    throw std::invalid_argument(
        fmt::format("{}: another process works on this sweep; look on with --status, or choose "
                    "another sweep.dir",
                    dir));
  }
  const std::string text = std::filesystem::exists(path_) ? data::read_file(path_) : "";
  size_t whole_bytes = 0;
  try {
    before_ = events_in(text, path_, whole_bytes);
  } catch (...) {
    ::close(lock_);
    throw;
  }
  file_ = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (file_ < 0 || ::ftruncate(file_, static_cast<off_t>(whole_bytes)) != 0) fail(path_);
}

SweepJournal::~SweepJournal() {
  if (file_ >= 0) ::close(file_);
  ::close(lock_);  // and with it the lock
}

void SweepJournal::write(nlohmann::ordered_json event) {
  event["time"] =
      std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
  event[kCheck] = check_of(event);
  const std::string line = event.dump() + "\n";
  for (size_t done = 0; done < line.size();) {
    const ssize_t written = ::write(file_, line.data() + done, line.size() - done);
    if (written < 0 && errno != EINTR) fail(path_);
    if (written > 0) done += static_cast<size_t>(written);
  }
  if (::fdatasync(file_) != 0) fail(path_);
}

std::vector<nlohmann::ordered_json> SweepJournal::read(const std::string& dir) {
  size_t whole_bytes = 0;
  return events_in(data::read_file(path(dir)), path(dir), whole_bytes);
}

}  // namespace candor::launch
