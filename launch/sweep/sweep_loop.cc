// SweepController::run, the main loop of a sweep, and the evaluation of the best point after it.
#include <fmt/format.h>

#include <chrono>
#include <thread>

#include "launch/sweep/steady_seconds.h"
#include "launch/sweep/sweep_controller.h"

namespace candor::launch {

void SweepController::evaluate_best() {
  const std::optional<int64_t> best = schedule_.best();
  if (!best || *schedule_.rung_reached(*best) + 1 < sweep_.rungs.size())
    return;  // its training isn't finished, so there is no adapter
  const TrialId trial{.point = *best};
  on_event_(fmt::format("evaluate point {} on the test split", trial.text()));
  const int code =
      run_on_all_slots("evaluate the best on the test split",
                       {"evaluate", files_.config_path(trial)}, files_.log_path(trial));
  if (code != 0)
    on_event_(fmt::format("WARNING: the best point's evaluation ended with {}: {}", code,
                          reason_in_log(files_.log_path(trial))));
}

bool SweepController::run(const std::function<void(const std::string&)>& on_event,
                          const std::function<void(const SweepProgress&)>& on_tick) {
  on_event_ = on_event;
  on_tick_ = on_tick;
  began_at_ = steady_seconds();
  if (const int orphans = end_orphans(token("")); orphans > 0)
    on_event_(
        fmt::format("{} processes of an earlier session were still there and were ended", orphans));
  replay();
  bool stopping = false;
  for (;;) {
    if (!stopping && options_.asked_to_stop()) {
      stopping = true;
      on_event_("asked to stop: trials save and leave");
      for (const auto& trial : running_) trial->run->end();
    }
    for (auto trial = running_.begin(); trial != running_.end();) {
      look_after(**trial);
      const std::optional<int> code = (*trial)->run->poll();
      if (!code) {
        ++trial;
        continue;
      }
      training_ended(**trial, *code);
      trial = running_.erase(trial);
    }
    if (stopping && running_.empty()) {
      end_pool();
      return false;
    }
    if (!stopping) {
      const bool broke = out_of_budget();
      if (broke && !budget_told_) {
        budget_told_ = true;
        on_event_("the budget is used up: what runs is finished, nothing new is begun");
        journal_.write({{"event", "budget"}});
      }
      if (!broke) {
        promote();
        while (!options_.asked_to_stop() && start_next()) {
        }
      }
      if (running_.empty() && !options_.asked_to_stop()) {
        if (broke || (is_over() && !give_up_the_refused())) break;
      }
    }
    std::vector<const RunningTrial*> running;
    for (const auto& trial : running_) running.push_back(trial.get());
    on_tick_({sweep_, schedule_, proposals_.count(), running, "", seconds_used()});
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  end_pool();
  const std::optional<int64_t> best = schedule_.best();
  journal_.write(
      {{"event", "done"},
       {"best", best ? nlohmann::ordered_json(*best) : nlohmann::ordered_json(nullptr)}});
  return true;
}

}  // namespace candor::launch
