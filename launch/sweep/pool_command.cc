#include "launch/sweep/pool_command.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <exception>
#include <stdexcept>
#include <system_error>
#include <thread>

#include "comm/deadline.h"
#include "comm/device_group.h"
#include "launch/config/run_paths.h"
#include "launch/ranks/device_setup.h"
#include "launch/ranks/exit_codes.h"
#include "launch/ranks/host_files_setup.h"
#include "launch/stages/train_command.h"
#include "launch/sweep/pool_task.h"

namespace candor::launch {
namespace {

constexpr const char* kLeave = "leave";
constexpr double kQuiet_s = 1;  // between two words of a group that has nothing to do
constexpr std::chrono::milliseconds kLook(20);

// While it lives, what this process prints goes to the end of a file.
class OutputInto {
 public:
  explicit OutputInto(const std::string& path) {
    const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (file < 0) throw std::system_error(errno, std::generic_category(), path);
    std::fflush(nullptr);
    for (const int fd : {STDOUT_FILENO, STDERR_FILENO}) {
      saved_[fd - 1] = ::fcntl(fd, F_DUPFD_CLOEXEC, 3);
      ::dup2(file, fd);
    }
    ::close(file);
  }
  ~OutputInto() {
    std::fflush(nullptr);
    for (const int fd : {STDOUT_FILENO, STDERR_FILENO}) {
      ::dup2(saved_[fd - 1], fd);
      ::close(saved_[fd - 1]);
    }
  }
  OutputInto(const OutputInto&) = delete;
  OutputInto& operator=(const OutputInto&) = delete;

 private:
  int saved_[2] = {};
};

class PoolGroup {
 public:
  PoolGroup(const RunConfig& config, RunContext& context)
      : config_(config),
        stop_(context.stop_request),
        folder_(config.run.dir),
        number_(context.group.rank() / context.arguments.ranks_per_trial),
        host_(context.group.split(static_cast<int>(number_), context.group.rank())) {
    config_.model.device = resolve_device(config.model.device, context.group);
    const int gpu =
        config_.model.device == DeviceChoice::kCuda ? comm::gpu_of(context.group.rank_info()) : -1;
    group_ = make_compute_group(config_.model.device, *host_, config.run.timeout_s, gpu);
    context.group.barrier();
    if (context.group.rank() == 0) folder_.write_ready();
  }

  void work() {
    for (;;) {
      std::string text;
      {
        const trainer::StopRequest::Listener stays(
            stop_, [] {});  // asked to stop, an idle group leaves with the others
        if (group_->rank() == 0) text = next();
        group_->broadcast_bytes(text, 0);
      }
      if (text == kLeave) return;
      if (!text.empty()) train(task_from(text));
    }
  }

 private:
  // On rank 0: a task's text, kLeave, or nothing if there was none for a while.
  std::string next() {
    comm::Deadline quiet(kQuiet_s);
    while (!quiet.passed()) {
      if (stop_->requested()) return kLeave;
      if (const auto text = folder_.task_after(number_, last_task_)) return *text;
      std::this_thread::sleep_for(kLook);
    }
    return "";
  }

  void train(const PoolTask& task) {
    last_task_ = task.id;
    const OutputInto log(task.log_path);
    try {
      train_point(task);
      host_->barrier();
      tell_result({.id = task.id});
    } catch (const trainer::PreemptedError&) {
      if (host_->rank() == 0) tell(describe_failure(std::current_exception()), 0, 1);
      tell_result({.id = task.id, .exit_code = kExitPreempted, .stopped = true});
    } catch (...) {
      failed(task, describe_failure(std::current_exception()));
    }
  }

  void train_point(const PoolTask& task) {
    RunConfig config = read_run_config(task.config_path);
    if (config.model.device != DeviceChoice::kAuto && config.model.device != config_.model.device) {
      throw std::logic_error("a point on another device than its pool");
    }
    config.model.device = config_.model.device;
    config.run.threads_per_rank = config_.run.threads_per_rank;
    config.model = resolve_products(config.model, recorded_products(config), *host_);
    trainer::HostFiles hosts(*group_, host_files_options(config.run.dir));
    hosts.look();
    RunContext context{.group = *group_, .hosts = hosts, .base = base_, .stop_request = stop_};
    train_adapter(config,
                  {.output = RunPaths(config.run.dir), .resume = true, .pause_at = task.pause_at},
                  context);
  }

  void failed(const PoolTask& task, const Failure& failure) {
    const bool together = failure.exit_code == kExitNonFinite ||
                          (host_->world_size() == 1 && failure.exit_code == kExitUserError);
    if (!together) tell_for_all(failure, *host_);
    if (together && host_->rank() == 0) tell(failure, host_->rank(), host_->world_size());
    if (!together || host_->rank() == 0) {
      folder_.write_result(number_,
                           {.id = task.id, .exit_code = failure.exit_code, .ends_all = !together});
    }
    if (!together) group_->abort(failure.exit_code);
  }

  void tell_result(const PoolResult& result) const {
    if (host_->rank() == 0) folder_.write_result(number_, result);
  }

  RunConfig config_;
  trainer::StopRequest* stop_;
  PoolFolder folder_;
  int64_t number_;
  std::unique_ptr<comm::ProcessGroup> host_, group_;
  BaseModel base_;  // kept from one task to the next
  int64_t last_task_ = 0;
};

}  // namespace

int pool_command(const RunConfig& config, RunContext& context) {
  PoolGroup(config, context).work();
  return kExitOk;
}

}  // namespace candor::launch
