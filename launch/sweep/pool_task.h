// What a sweep and its resident ranks tell each other: files in <sweep.dir>/pool/N, a folder for
// each pool.
//
//   ready                                                                     of rank 0, once all
//   groups are there group3.task   {"id": 12, "config": "...", "pause_at": 50, "log": "..."}   of
//   the sweep group3.done   {"id": 12, "exit": 0, "stopped": false, "ends_all": false}   of the
//   group's rank 0, or of the rank that failed
// Each is replaced whole, so a reader sees one or the other.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace candor::launch {

struct PoolTask {
  int64_t id = 0;  // grows from task to task of a pool
  std::string config_path;
  int64_t pause_at = 0;  // 0: to the end
  std::string log_path;  // output of the ranks, appended
};

struct PoolResult {
  int64_t id = 0;
  int exit_code = 0;
  bool stopped = false;   // saved because a signal asked for it, not because it failed
  bool ends_all = false;  // the rank that says so ends the whole job, because ranks of its group
                          // may wait for it
};

std::string task_text(const PoolTask& task);
// Throws data::FileError for a text that isn't one.
PoolTask task_from(const std::string& text);

class PoolFolder {
 public:
  explicit PoolFolder(std::string folder) : folder_(std::move(folder)) {}

  void write_ready() const;
  bool is_ready() const;
  void write_task(int64_t group, const PoolTask& task) const;
  void write_result(int64_t group, const PoolResult& result) const;
  // task_text of the task there, if its id is above last_id.
  std::optional<std::string> task_after(int64_t group, int64_t last_id) const;
  std::optional<PoolResult> result_of(int64_t group, int64_t id) const;

 private:
  std::string path(int64_t group, const char* kind) const;

  std::string folder_;
};

}  // namespace candor::launch
