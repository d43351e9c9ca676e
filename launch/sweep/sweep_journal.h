// What a sweep did, in order: journal.jsonl in sweep.dir, a line an event, on the disk before
// anything is done about it. A sweep that was killed is rebuilt from it.
//
// Each line ends with a hash of itself. A last line that was cut off by a kill is dropped; any
// other damage is an error, because decisions hang on it. One process at a time: the journal is
// locked, and the lock isn't inherited by what the process starts.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace candor::launch {

class SweepJournal {
 public:
  // Opens or begins it. Throws std::invalid_argument where another process has it open, or a line
  // in the middle is damaged; std::system_error.
  explicit SweepJournal(const std::string& dir);
  ~SweepJournal();
  SweepJournal(const SweepJournal&) = delete;
  SweepJournal& operator=(const SweepJournal&) = delete;

  // Those that were there when it was opened.
  const std::vector<nlohmann::ordered_json>& before() const { return before_; }

  // Adds "time" (seconds since 1970) and returns when it is on the disk.
  void write(nlohmann::ordered_json event);

  static std::string path(const std::string& dir) { return dir + "/journal.jsonl"; }
  // Without a lock, for looking on. Throws as the constructor.
  static std::vector<nlohmann::ordered_json> read(const std::string& dir);

 private:
  int lock_ = -1, file_ = -1;
  std::string path_;
  std::vector<nlohmann::ordered_json> before_;
};

}  // namespace candor::launch
