// HostFiles: comparing files, and sending those that another file system lacks.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <system_error>

#include "comm/comm_error.h"
#include "data_pipeline/files/atomic_file.h"
#include "data_pipeline/files/file_error.h"
#include "data_pipeline/files/sha256.h"
#include "trainer/hosts/host_files.h"
#include "trainer/hosts/problem.h"

namespace candor::trainer {
namespace {

namespace fs = std::filesystem;

// Between two looks at whether all are well, which those that only wait take part in: none waits
// longer than these chunks take.
constexpr std::int64_t kChunksBetweenLooks = 8;

// What changes when a file does; empty where it isn't a file.
std::vector<std::int64_t> marks_of(const std::string& path) {
  struct stat s {};
  if (::stat(path.c_str(), &s) != 0 || !S_ISREG(s.st_mode)) return {};
  return {static_cast<std::int64_t>(s.st_dev),
          static_cast<std::int64_t>(s.st_ino),
          s.st_size,
          s.st_mtim.tv_sec,
          s.st_mtim.tv_nsec,
          s.st_ctim.tv_sec,
          s.st_ctim.tv_nsec};
}

class Source {
 public:
  explicit Source(const std::string& path)
      : path_(path), descriptor_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
    if (descriptor_ < 0) fail("open");
  }
  ~Source() { ::close(descriptor_); }
  Source(const Source&) = delete;
  Source& operator=(const Source&) = delete;

  std::string next(std::int64_t wanted_bytes) {
    std::string bytes(static_cast<size_t>(wanted_bytes), '\0');
    for (size_t at = 0; at < bytes.size();) {
      const ssize_t got = ::read(descriptor_, bytes.data() + at, bytes.size() - at);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) fail("read");
      if (got == 0)
        throw data::FileError(fmt::format("{} became shorter while it was sent", path_));
      at += static_cast<size_t>(got);
    }
    return bytes;
  }

 private:
  [[noreturn]] void fail(const char* what) const {
    throw std::system_error(errno, std::generic_category(),
                            fmt::format("cannot {} {}", what, path_));
  }

  std::string path_;
  int descriptor_;
};

// A file that comes in pieces.
class Arrival {
 public:
  explicit Arrival(const std::string& path) : path_(path), file_((make_folder_of(path), path)) {}

  void add(const std::string& bytes) {
    hasher_.add(std::as_bytes(std::span(bytes)));
    file_.write(bytes);
  }
  void finish(const std::string& sha256) {
    if (hasher_.hex() != sha256)
      throw data::FileError(fmt::format("{} changed while it was sent, or on its way", path_));
    file_.commit();
  }

 private:
  static void make_folder_of(const std::string& path) {
    if (const fs::path folder = fs::path(path).parent_path(); !folder.empty())
      fs::create_directories(folder);
  }

  std::string path_;
  data::AtomicFile file_;
  data::Sha256Hasher hasher_;
};

std::vector<std::string> names_ending(const std::string& folder,
                                      const std::vector<std::string>& endings) {
  std::vector<std::string> names;
  if (!fs::is_directory(folder)) return names;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    const bool fits = std::any_of(endings.begin(), endings.end(), [&](const std::string& ending) {
      return name.ends_with(ending);
    });
    if (fits && name[0] != '.' && entry.is_regular_file()) names.push_back(name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace

std::string HostFiles::sha256_of(const std::string& path) {
  const std::vector<std::int64_t> marks = marks_of(path);
  Known& known = known_[path];
  if (marks.empty() || known.marks != marks) known = {marks, data::sha256_file_hex(path)};
  return known.sha256;
}

bool HostFiles::has(const Entry& entry) {
  const std::string path = here(entry.path);
  std::error_code error;
  const auto size = fs::file_size(path, error);
  if (error || static_cast<std::int64_t>(size) != entry.size_bytes) return false;
  try {
    return sha256_of(path) == entry.sha256;
  } catch (const std::system_error&) {  // what can't be read can be replaced
    return false;
  }
}

// What the root's file is, known to all.
HostFiles::Entry HostFiles::agreed_entry(const std::string& path, int root) {
  nlohmann::json told;
  if (group_.rank() == root) {
    try {
      const std::string sha256 = sha256_of(here(path));
      told = {{"size", fs::file_size(here(path))}, {"sha256", sha256}};
    } catch (const std::exception& error) {
      told = {{"problem", problem_text(error, called(options_.host))}};
    }
  }
  std::string text = told.dump();
  group_.broadcast_bytes(text, root);
  told = nlohmann::json::parse(text);
  if (told.contains("problem")) throw_problem(told["problem"].get<std::string>());
  return {path, told.at("size").get<std::int64_t>(), told.at("sha256").get<std::string>()};
}

void HostFiles::send(const std::vector<std::string>& paths) {
  look();
  if (all_see_rank_0()) return;
  for (const std::string& path : paths) {
    const Entry entry = agreed_entry(path, 0);
    const bool wanted = keeps() && !has(entry);
    const std::vector<std::string> all = group_.all_gather_bytes(wanted ? "wanted" : "");
    if (std::all_of(all.begin(), all.end(), [](const std::string& text) { return text.empty(); }))
      continue;
    transfer(entry, 0, wanted);
  }
}

void HostFiles::send_folder(const std::string& folder, const std::vector<std::string>& endings,
                            const std::string& last) {
  look();
  if (all_see_rank_0()) return;
  std::string told;
  if (group_.rank() == 0) told = nlohmann::json(names_ending(here(folder), endings)).dump();
  group_.broadcast_bytes(told, 0);
  std::vector<std::string> names = nlohmann::json::parse(told).get<std::vector<std::string>>();
  std::string problem;
  if (keeps()) {
    for (const std::string& name : names_ending(here(folder), endings)) {
      if (std::find(names.begin(), names.end(), name) != names.end()) continue;
      problem = problem_text_for_user(
          fmt::format("{}: {}/{} is there but not on {}, and would be read: remove it",
                      called(options_.host), folder, name, called(first_host_)));
      break;
    }
  }
  agree(problem);
  std::stable_partition(names.begin(), names.end(),
                        [&](const std::string& name) { return name != last; });
  for (std::string& name : names) name = folder + "/" + name;
  send(names);
}

void HostFiles::collect(const std::vector<std::string>& paths,
                        const std::function<bool(const std::string& path)>& is_whole) {
  look();
  if (all_see_rank_0()) return;
  std::string mine;
  for (const std::string& path : paths) {
    if (keeps()) mine += is_whole(here(path)) ? '+' : '-';
  }
  const std::vector<std::string> all = group_.all_gather_bytes(mine);
  for (size_t p = 0; p < paths.size(); ++p) {
    const auto has_it = [&](int keeper) { return all[static_cast<size_t>(keeper)].at(p) == '+'; };
    const auto from = std::find_if(keepers_.begin(), keepers_.end(), has_it);
    if (from == keepers_.end() || *from == 0) continue;
    transfer(agreed_entry(paths[p], *from), *from, group_.rank() == 0);
  }
}

// A rank that is lost on the way is missing in the whole group too, where all wait for it and learn
// of it together.
void HostFiles::broadcast_chunk(std::string& bytes, int root) {
  const auto root_between =
      static_cast<int>(std::find(keepers_.begin(), keepers_.end(), root) - keepers_.begin());
  try {
    between_keepers_->broadcast_bytes(bytes, root_between);
  } catch (const comm::RankLostError&) {
    group_.barrier();
    throw;
  }
}

void HostFiles::transfer(const Entry& entry, int root, bool wanted) {
  if (!is_split_) between_keepers_ = group_.split(keeps() ? 0 : -1, group_.rank());
  is_split_ = true;
  std::optional<Source> source;
  std::optional<Arrival> arrival;
  std::string problem;
  // What fails here is told at the next look; until then the chunks go on, empty.
  const auto trying = [&](const std::function<void()>& work) {
    if (!problem.empty()) return;
    try {
      work();
    } catch (const std::exception& error) {
      problem = problem_text(error, called(options_.host));
    }
  };
  trying([&] {
    if (group_.rank() == root) source.emplace(here(entry.path));
    if (wanted) arrival.emplace(here(entry.path));
  });
  std::int64_t chunk = 0;
  for (std::int64_t begin = 0; begin < entry.size_bytes; begin += options_.chunk_bytes) {
    if (between_keepers_) {
      std::string bytes;
      if (source)
        trying([&] {
          bytes = source->next(std::min(options_.chunk_bytes, entry.size_bytes - begin));
        });
      broadcast_chunk(bytes, root);
      if (arrival) trying([&] { arrival->add(bytes); });
    }
    if (++chunk % kChunksBetweenLooks != 0) continue;
    agree(problem);
    if (group_.rank() == 0 && options_.on_progress)
      options_.on_progress(entry.path, begin, entry.size_bytes);
  }
  agree(problem);
  if (arrival) trying([&] { arrival->finish(entry.sha256); });
  agree(problem);
  if (group_.rank() == 0 && options_.on_progress)
    options_.on_progress(entry.path, entry.size_bytes, entry.size_bytes);
}

}  // namespace candor::trainer
