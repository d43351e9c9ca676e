// What SweepController makes before trainings, and the points that can't be trained: they are left
// out, and the others go on.
#include <fmt/format.h>

#include <filesystem>
#include <stdexcept>

#include "data_pipeline/tokens/token_file.h"
#include "launch/ranks/exit_codes.h"
#include "launch/sweep/objective_check.h"
#include "launch/sweep/sweep_controller.h"

namespace candor::launch {
namespace {

// A config that is wrong, or names a file that isn't there, is the point's own fault. Whatever else
// ends a stage, such as a full disk, may end any.
bool is_to_blame(const RunConfig& config, int exit_code) {
  namespace fs = std::filesystem;
  if (exit_code != kExitFileError) return exit_code == kExitUserError;
  return !fs::exists(config.data.questions) ||
         (!fs::exists(config.model.path) && config.model.gguf.empty());
}

}  // namespace

const SweepController::Needs& SweepController::needs_of(const Task& task) {
  const auto [found, is_new] = needs_.try_emplace(task.trial.point);
  if (!is_new) return found->second;
  const Point& point = point_of(task);
  try {
    found->second = {
        .shared = files_.shared_id(point),
        .trunk = files_.trunk_id(point),
        .validation_examples = config_of_point(sweep_, point).train.validation.examples};
  } catch (const std::invalid_argument& error) {
    found->second.problem = error.what();
  }
  return found->second;
}

SweepController::Refusal SweepController::refusal_of(const Task& task) {
  const Needs& needs = needs_of(task);
  if (!needs.problem.empty()) return {.exit_code = kExitUserError, .why = needs.problem};
  if (const auto refused = refused_shared_.find(needs.shared); refused != refused_shared_.end())
    return refused->second;
  return files_.shared_is_there(needs.shared) ? refusal_by_objective(needs) : Refusal{};
}

SweepController::Refusal SweepController::refusal_by_objective(const Needs& needs) {
  const auto [found, is_new] =
      refused_objective_.try_emplace(fmt::format("{} {}", needs.shared, needs.validation_examples));
  if (!is_new) return found->second;
  const std::string path = files_.shared_tokens_path(needs.shared);
  const data::TokenData tokens = data::read_token_file(path);
  for (const Objective& objective : sweep_.objectives) {
    std::string why = why_undefined(objective.metric, tokens, needs.validation_examples);
    if (why.empty()) continue;
    why += " (" + path + ")";
    if (&objective == &sweep_.objectives.front()) {
      found->second = {.exit_code = kExitUserError, .why = why};
    } else {
      on_event_("WARNING: " + why);
    }
  }
  return found->second;
}

// Answers, grades and tokens, on all slots. False: not ready, because trials still run or it was
// asked to stop.
bool SweepController::prepare_shared(const std::string& id, const Point& point) {
  if (!running_.empty()) return false;
  files_.write_shared_config(point);
  const std::string log_path = files_.shared_log_path(id);
  for (const char* stage : {"answer", "grade", "prepare"}) {
    on_event_(fmt::format("{} (shared/{}, once for all trials that need it)", stage, id));
    const int code = run_on_all_slots(fmt::format("{} for shared/{}", stage, id),
                                      {stage, files_.shared_config_path(id)}, log_path);
    if (options_.asked_to_stop()) return false;
    if (code == 0) continue;
    const std::string reason = reason_in_log(log_path);
    const std::string why =
        fmt::format("candor {} of what trials share ended with {}: {} ({})", stage, code,
                    reason.empty() ? "see its log" : reason, log_path);
    if (!is_to_blame(config_of_point(sweep_, point), code)) throw ChildFailedError(code, why);
    refused_shared_[id] = {.exit_code = code, .why = why};
    break;
  }
  return true;
}

bool SweepController::is_over() {
  const auto is_open = [&](const Task& task) { return !is_refused(task); };
  return proposals_.all_made() && schedule_.due_promotions(true).empty() &&
         !schedule_.next(is_open);
}

bool SweepController::give_up_the_refused() {
  if (refused_.empty()) return false;
  if (!schedule_.best()) {
    const Refusal& first = refused_.begin()->second;
    throw ChildFailedError(
        first.exit_code,
        fmt::format("no point of the sweep has a result; point {} can't be trained: {}",
                    TrialId{.point = refused_.begin()->first}.text(), first.why));
  }
  while (const std::optional<Task> task = schedule_.next()) {
    const Refusal& refusal = refused_.at(task->trial.point);
    journal_.write({{"event", "end"},
                    {"point", task->trial.point},
                    {"repeat", task->trial.repeat},
                    {"rung", task->rung},
                    {"exit", refusal.exit_code},
                    {"slot_seconds", 0},
                    {"failure", true},
                    {"given_up", true},
                    {"why", refusal.why}});
    schedule_.failed(*task, refusal.why, refusal.exit_code);
  }
  refused_.clear();
  return true;
}

}  // namespace candor::launch
