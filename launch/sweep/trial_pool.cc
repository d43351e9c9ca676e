#include "launch/sweep/trial_pool.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <regex>
#include <stdexcept>

#include "data_pipeline/files/read_file.h"
#include "launch/sweep/steady_seconds.h"
#include "launch/sweep/trial_files.h"

namespace candor::launch {
namespace {

constexpr double kLeaving_s = 20;  // in which a job that goes down by itself should have

std::string text_of(const std::string& path) {
  return std::filesystem::exists(path) ? data::read_file(path) : "";
}

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
  std::string last_words() const override { return pool_->ended_with_ ? pool_->last_words() : ""; }

 private:
  std::shared_ptr<TrialPool> pool_;
  int64_t group_;
};

TrialPool::TrialPool(TrialPoolOptions options)
    : options_(std::move(options)),
      folder_(options_.folder),
      job_(options_.job),
      groups_(static_cast<size_t>(options_.groups)) {}

std::unique_ptr<TrialRun> TrialPool::start(PoolTask task) {
  const auto free = std::find_if(groups_.begin(), groups_.end(),
                                 [](const Group& group) { return group.task == 0; });
  if (free == groups_.end()) throw std::logic_error("no group of the pool is free");
  const auto group = static_cast<int64_t>(free - groups_.begin());
  task.id = ++last_task_;
  *free = {.task = task.id};
  folder_.write_task(group, task);
  return std::make_unique<Run>(shared_from_this(), group);
}

bool TrialPool::lives() {
  if (ended_with_) return false;
  ended_with_ = job_.poll();
  if (ended_with_) {
    settle_blame(*ended_with_);
  } else if (going_down_since_ && steady_seconds() - *going_down_since_ > kLeaving_s) {
    job_.end();  // mpirun may wait for a host that it can't reach
  }
  return !ended_with_;
}

void TrialPool::end() {
  asked_to_end_ = true;
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
  mine.blameless = result->stopped;
  rank_ends_all_ = rank_ends_all_ || result->ends_all;
  if ((result->ends_all || result->stopped) && !going_down_since_)
    going_down_since_ = steady_seconds();
}

void TrialPool::settle_blame(int code) {
  for (size_t i = 0; i < groups_.size(); ++i) read_result(static_cast<int64_t>(i));
  const auto was_training = [](const Group& group) { return group.task != 0 && !group.code; };
  const std::optional<LostRank> lost_rank = lost_rank_in(text_of(options_.job.log_path));
  const auto lost =
      static_cast<size_t>(lost_rank ? lost_rank->rank / options_.ranks_per_group : -1);
  const bool nobody_here = asked_to_end_ || rank_ends_all_ || !folder_.is_ready();
  for (size_t i = 0; i < groups_.size(); ++i) {
    if (!was_training(groups_[i])) continue;
    groups_[i].blameless = nobody_here || (lost_rank && lost != i);
    groups_[i].code = code == 0 ? 1 : code;
  }
}

std::string TrialPool::last_words() const {
  const std::string& log = options_.job.log_path;
  std::string words = reason_in_log(log);
  if (words.empty()) {
    if (const auto lost_rank = lost_rank_in(text_of(log))) words = lost_rank->words;
  }
  return words.empty() ? "" : fmt::format("{} ({})", words, log);
}

std::optional<LostRank> lost_rank_in(const std::string& output) {
  // Open MPI 4's and 5's words for a rank that a signal ended, that left by itself, and that asked
  // for the job's end.
  static const std::regex kWords(R"((?:mpirun|prterun) noticed that process rank (\d{1,9}) [^.]*)"
                                 R"(|Process name: \[(?:\[\d+,\d+\]|[^,\]]+),(\d{1,9})\])"
                                 R"(|MPI_ABORT was invoked on rank (\d{1,9}) )");
  std::smatch found;
  if (!std::regex_search(output, found, kWords)) return std::nullopt;
  for (size_t i = 1; i < found.size(); ++i) {
    if (!found[i].matched) continue;
    std::string words = i == 2 ? "a rank left: " + found[0].str() : found[0].str();
    std::replace(words.begin(), words.end(), '\n', ' ');
    return LostRank{.rank = std::stoll(found[i]), .words = words};
  }
  return std::nullopt;
}

}  // namespace candor::launch
