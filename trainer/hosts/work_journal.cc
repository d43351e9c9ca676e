#include "trainer/hosts/work_journal.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <optional>
#include <system_error>
#include <utility>

#include "data_pipeline/files/atomic_file.h"
#include "data_pipeline/files/file_error.h"
#include "data_pipeline/files/folder_lock.h"
#include "data_pipeline/files/journal_file.h"
#include "data_pipeline/files/read_file.h"

namespace candor::trainer {

namespace fs = std::filesystem;

namespace {

constexpr const char* kIdentity = "identity";

}  // namespace

WorkJournal::WorkJournal(WorkJournalOptions options, comm::ProcessGroup& group)
    : options_(std::move(options)),
      group_(group),
      keeps_(options_.hosts == nullptr ? group.rank() == 0 : options_.hosts->keeps()) {
  if (keeps_) open();
  group_.barrier();
  collect();
  find_missing();
}

std::vector<size_t> WorkJournal::deal() const {
  std::vector<size_t> mine;
  for (auto m = static_cast<size_t>(group_.rank()); m < missing_.size();
       m += static_cast<size_t>(group_.world_size()))
    mine.push_back(missing_[m]);
  return mine;
}

void WorkJournal::finish(size_t piece, const std::string& lines) const {
  data::write_journal_file(path_of(piece), lines);
}

void WorkJournal::join(const std::string& output_path,
                       const std::function<void(const std::string&)>& before_rename) {
  group_.barrier();
  collect();
  if (group_.rank() == 0) {
    data::AtomicFile output(output_path);
    for (size_t piece = 0; piece < options_.pieces; ++piece) {
      const std::optional<std::string> lines = data::read_journal_file(path_of(piece));
      if (!lines)
        throw data::FileError(fmt::format("{} is damaged; give the same command again, {}",
                                          path_of(piece), options_.give_again));
      output.write(*lines);
    }
    output.commit(before_rename);
    fs::remove(options_.folder + "/" + data::FolderLock::kFileName);  // whoever has locked it
    remove_files();
  }
  group_.barrier();
  if (keeps_ && group_.rank() != 0) remove_files();
}

std::string WorkJournal::path_of(size_t piece) const {
  return fmt::format("{}/{}_{:06}.jsonl", options_.folder, options_.piece_name, piece);
}

void WorkJournal::tell(const std::string& message) const {
  if (group_.rank() == 0 && options_.on_message) options_.on_message(message);
}

// Keeps a journal that is this work's and clears any other.
void WorkJournal::open() const {
  const std::string path = options_.folder + "/" + kIdentity;
  if (fs::exists(path) && data::read_file(path) == options_.identity) return;
  if (remove_files() > 0) tell(options_.of_another + ": starting anew");
  fs::create_directories(options_.folder);
  data::write_file_atomically(path, options_.identity);
}

// The journal's own, and those that a kill left half written; then the folder, where nobody else
// has anything in it. Returns how many files there were.
size_t WorkJournal::remove_files() const {
  if (!fs::is_directory(options_.folder)) return 0;
  std::vector<fs::path> ours;
  for (const fs::directory_entry& entry : fs::directory_iterator(options_.folder)) {
    std::string name = entry.path().filename().string();
    name.resize(std::min(name.find(".tmp-"), name.size()));
    const bool is_piece = name.starts_with(options_.piece_name + "_") && name.ends_with(".jsonl");
    if (name == kIdentity || is_piece) ours.push_back(entry.path());
  }
  for (const fs::path& path : ours) fs::remove(path);
  std::error_code not_empty;
  fs::remove(options_.folder, not_empty);
  return ours.size();
}

void WorkJournal::collect() {
  if (options_.hosts == nullptr) return;
  std::vector<std::string> paths;
  for (size_t piece = 0; piece < options_.pieces; ++piece) paths.push_back(path_of(piece));
  options_.hosts->collect(
      paths, [](const std::string& path) { return data::read_journal_file(path).has_value(); });
}

void WorkJournal::find_missing() {
  std::string is_missing(options_.pieces, '-');
  for (size_t piece = 0; piece < options_.pieces && group_.rank() == 0; ++piece) {
    if (data::read_journal_file(path_of(piece))) continue;
    is_missing[piece] = '+';
    if (fs::exists(path_of(piece)))
      tell(fmt::format("WARNING: {} is damaged: {}", path_of(piece), options_.done_again));
  }
  group_.broadcast_bytes(is_missing, 0);
  for (size_t piece = 0; piece < options_.pieces; ++piece) {
    if (is_missing[piece] == '+') missing_.push_back(piece);
  }
}

}  // namespace candor::trainer
