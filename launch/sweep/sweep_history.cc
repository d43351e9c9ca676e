#include "launch/sweep/sweep_history.h"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

#include "launch/progress/progress.h"
#include "launch/sweep/sweep_journal.h"

namespace candor::launch {
namespace {

Point point_in(const nlohmann::ordered_json& json) {
  Point point;
  for (const auto& [key, value] : json.items())
    point.values.emplace_back(key, value.get<std::string>());
  return point;
}

Task task_in(const nlohmann::ordered_json& event) {
  return {.trial = {.point = event.at("point"), .repeat = event.at("repeat")},
          .rung = event.at("rung")};
}

void check_same_sweep(const SweepConfig& sweep, const nlohmann::ordered_json& event) {
  const bool same_file = event.at("config") == sweep.text;
  if (same_file && event.at("base") == to_yaml(sweep.base)) return;
  throw std::invalid_argument(
      fmt::format("{}: this sweep was begun with another {}; choose another sweep.dir, or put the "
                  "file back as it was",
                  SweepJournal::path(sweep.dir), same_file ? "base config" : "sweep file"));
}

void training_ended(const nlohmann::ordered_json& event, SweepHistory& history) {
  const Task task = task_in(event);
  std::erase(history.open, task);
  history.slot_seconds += event.at("slot_seconds").get<double>();
  if (event.contains("figures")) {
    history.failures.erase(task.trial);
    history.schedule.finished(task, event.at("figures").get<std::map<std::string, double>>());
  } else if (event.value("given_up", false)) {
    history.schedule.failed(task, event.at("why"), event.at("exit"));
  } else if (event.value("failure", false)) {
    ++history.failures[task.trial];
  }
}

}  // namespace

nlohmann::ordered_json json_of(const Point& point) {
  nlohmann::ordered_json json = nlohmann::ordered_json::object();
  for (const auto& [key, value] : point.values) json[key] = value;
  return json;
}

SweepHistory history_of(const SweepConfig& sweep,
                        const std::vector<nlohmann::ordered_json>& events) {
  SweepHistory history{.schedule = ScheduleOfTrials(sweep)};
  double session_began = 0, last = 0;
  for (const nlohmann::ordered_json& event : events) {
    const std::string what = event.at("event");
    if (what == "session") {
      history.seconds += last - session_began;
      session_began = event.at("time");
      history.open.clear();
      history.done = false;
    }
    if (what == "sweep") session_began = event.at("time");
    last = event.at("time");
    if (what == "sweep") check_same_sweep(sweep, event);
    if (what == "point") history.schedule.add_point(point_in(event.at("values")));
    if (what == "promote") history.schedule.promoted(event.at("point"), event.at("rung"));
    if (what == "trunk") history.trunks.insert(event.at("id").get<std::string>());
    if (what == "start" || what == "pool" || what == "job")
      history.largest_job = std::max(history.largest_job, event.at("job").get<int64_t>());
    if (what == "start") history.open.push_back(task_in(event));
    if (what == "end") training_ended(event, history);
    if (what == "done") history.done = true;
  }
  history.seconds += last - session_began;
  history.summary = fmt::format(
      "{} points begun, {} steps trained in {}, {} slot-hours{}", history.schedule.points().size(),
      history.schedule.steps_done(), format_duration(history.seconds),
      fmt::format("{:.2f}", history.slot_seconds / 3600),
      history.done
          ? "; done"
          : fmt::format("; {} trainings were running at the last entry", history.open.size()));
  return history;
}

}  // namespace candor::launch
