#include "data_pipeline/files/output_place.h"

#include <fmt/format.h>

#include <cerrno>
#include <charconv>
#include <filesystem>
#include <system_error>

#include "data_pipeline/files/file_error.h"

namespace candor::data {
namespace {

namespace fs = std::filesystem;

// As many as Linux itself follows.
constexpr int kMostLinks = 40;

[[noreturn]] void fail(int error, const std::string& path) {
  throw std::system_error(error, std::generic_category(), fmt::format("cannot write {}", path));
}

// The N of /dev/fd/N by whatever name (/dev/stdout, /proc/self/fd/1); -1 for other links. What such
// a link says it leads to is no path for a pipe, and for a file it hides that somebody else writes
// there too.
int descriptor_named_by(const fs::path& link) {
  std::error_code failed;
  const fs::path folder = fs::canonical(link.parent_path(), failed);
  if (failed || folder != fs::canonical("/proc/self/fd", failed) || failed) return -1;
  const std::string name = link.filename().string();
  int descriptor = -1;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), descriptor);
  return error == std::errc() && end == name.data() + name.size() ? descriptor : -1;
}

}  // namespace

OutputPlace output_place(const std::string& path) {
  fs::path place = path;
  std::error_code failed;
  for (int links = 0; fs::is_symlink(fs::symlink_status(place, failed)); ++links) {
    if (links == kMostLinks) fail(ELOOP, path);
    if (const int descriptor = descriptor_named_by(place); descriptor >= 0)
      return {.path = path, .is_stream = true, .descriptor = descriptor};
    place = place.parent_path() / fs::read_symlink(place);  // an absolute one takes its place
  }
  const fs::file_status status = fs::status(place, failed);
  switch (status.type()) {
    case fs::file_type::directory: fail(EISDIR, path);
    case fs::file_type::fifo:
    case fs::file_type::character: return {.path = place.string(), .is_stream = true};
    case fs::file_type::socket:
    case fs::file_type::block:
      throw FileError(
          fmt::format("cannot write {}: expected a file, a pipe or a name that is still free, got "
                      "a {}; choose another path",
                      path, status.type() == fs::file_type::socket ? "socket" : "block device"));
    default: return {.path = place.string()};
  }
}

bool is_same_file(const std::string& a, const std::string& b) {
  std::error_code failed;
  return fs::is_regular_file(a, failed) && fs::equivalent(a, b, failed);
}

}  // namespace candor::data
