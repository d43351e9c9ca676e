#include "launch/sweep/trial_pool.h"

#include <algorithm>
#include <filesystem>
#include <regex>
#include <stdexcept>

#include "data_pipeline/files/read_file.h"

namespace candor {
namespace {

TrialPoolOptions without_tasks(TrialPoolOptions options) {
  std::filesystem::create_directories(options.folder);
  for (const auto& entry : std::filesystem::directory_iterator(options.folder)) {
    const auto extension = entry.path().extension();
    if (extension == ".task" || extension == ".done") std::filesystem::remove(entry.path());
  }
  return options;
}

std::string text_of(const std::string& path) { return std::filesystem::exists(path) ? read_file(path) : ""; }

}  // namespace

// Holds its group until it is destroyed.
class TrialPool::Run final : public TrialRun {
 public:
  Run(std::shared_ptr<TrialPool> pool, int64_t group) : pool_(std::move(pool)), group_(group) {}
  ~Run() override { pool_->groups_[static_cast<size_t>(group_)] = {}; }

  std::optional<int> poll() override {
    pool_->look(group_);
    return pool_->groups_[static_cast<size_t>(group_)].code;
  }
  void end() override { pool_->end(); }
  bool blameless() const override { return pool_->groups_[static_cast<size_t>(group_)].blameless; }

 private:
  std::shared_ptr<TrialPool> pool_;
  int64_t group_;
};

TrialPool::TrialPool(TrialPoolOptions options)
    : options_(without_tasks(std::move(options))), folder_(options_.folder), log_begins_at_(text_of(options_.job.log_path).size()),
      job_(options_.job), groups_(static_cast<size_t>(options_.groups)) {}

std::unique_ptr<TrialRun> TrialPool::start(PoolTask task) {
  const auto free = std::find_if(groups_.begin(), groups_.end(), [](const Group& group) { return group.task == 0; });
  if (free == groups_.end()) throw std::logic_error("no group of the pool is free");
  const auto group = static_cast<int64_t>(free - groups_.begin());
  task.id = ++last_task_;
  *free = {.task = task.id};
  folder_.write_task(group, task);
  return std::make_unique<Run>(shared_from_this(), group);
}

bool TrialPool::lives() {
  if (!ended_with_ && (ended_with_ = job_.poll())) settle_blame(*ended_with_);
  return !ended_with_;
}

void TrialPool::end() {
  ending_ = true;
  job_.end();
}

void TrialPool::look(int64_t group) {
  if (lives()) read_result(group);
}

void TrialPool::read_result(int64_t group) {
  Group& mine = groups_[static_cast<size_t>(group)];
  if (mine.task == 0 || mine.code) return;
  const auto result = folder_.result_of(group, mine.task);
  if (!result) return;
  mine.code = result->exit_code;
  mine.blameless = ending_ && !result->ends_all;  // it was stopped, and saved
  ending_ = ending_ || result->ends_all;
}

void TrialPool::settle_blame(int code) {
  for (size_t i = 0; i < groups_.size(); ++i) read_result(static_cast<int64_t>(i));
  const auto was_training = [](const Group& group) { return group.task != 0 && !group.code; };
  Group* lost = nullptr;
  if (const auto rank = lost_rank_in(text_of(options_.job.log_path).substr(log_begins_at_))) {
    const auto group = static_cast<size_t>(*rank / options_.ranks_per_group);
    if (group < groups_.size() && was_training(groups_[group])) lost = &groups_[group];
  }
  for (Group& group : groups_) {
    if (!was_training(group)) continue;
    group.blameless = ending_ || (lost != nullptr && lost != &group);
    group.code = code == 0 ? 1 : code;
  }
}

std::optional<int64_t> lost_rank_in(const std::string& output) {
  // Open MPI 4's and 5's words for a rank that a signal ended, that left by itself, and that asked for the job's end.
  static const std::regex kWords(
      R"(noticed that process rank (\d{1,9}) |Process name: \[(?:\[\d+,\d+\]|[^,\]]+),(\d{1,9})\]|MPI_ABORT was invoked on rank (\d{1,9}) )");
  std::smatch found;
  if (!std::regex_search(output, found, kWords)) return std::nullopt;
  for (size_t i = 1; i < found.size(); ++i) {
    if (found[i].matched) return std::stoll(found[i]);
  }
  return std::nullopt;
}

}  // namespace candor
