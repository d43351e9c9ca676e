#include "launch/sweep/sweep_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "data_pipeline/files/atomic_file.h"
#include "launch/config/run_paths.h"
#include "trainer/training/tensorboard_events.h"

namespace candor::launch {
namespace {

std::string quoted(const std::string& field) {
  if (field.find_first_of(",\"\n") == std::string::npos) return field;
  std::string text = "\"";
  for (const char c : field) text += c == '"' ? std::string("\"\"") : std::string(1, c);
  return text + "\"";
}

std::vector<std::string> all_keys(const SweepConfig& sweep, const ScheduleOfTrials& schedule) {
  std::vector<std::string> keys;
  const auto add = [&](const std::string& key) {
    if (std::count(keys.begin(), keys.end(), key) == 0) keys.push_back(key);
  };
  for (const Parameter& parameter : sweep.space) add(parameter.key);
  for (const PointState& point : schedule.points()) {
    for (const auto& [key, value] : point.point.values) add(key);
  }
  return keys;
}

std::string best_yaml(const SweepConfig& sweep, const ScheduleOfTrials& schedule, int64_t best) {
  return fmt::format(
             "# The best of {} points of the sweep in {}: point {:04}, {}.\n# candor run "
             "{}/best.yaml\n",
             schedule.points().size(), sweep.dir, best,
             schedule.points()[static_cast<size_t>(best)].point.text(), sweep.dir) +
         to_yaml(best_config(sweep, schedule, best));
}

}  // namespace

RunConfig best_config(const SweepConfig& sweep, const ScheduleOfTrials& schedule, int64_t best) {
  RunConfig config = config_of_point(sweep, schedule.points()[static_cast<size_t>(best)].point);
  config.run.dir = sweep.dir + "/best";
  return config;
}

std::vector<int64_t> pareto_front(const SweepConfig& sweep, const ScheduleOfTrials& schedule) {
  const size_t top = sweep.rungs.size() - 1;
  std::vector<std::pair<int64_t, std::vector<double>>> points;  // smaller is better
  for (int64_t point = 0; point < static_cast<int64_t>(schedule.points().size()); ++point) {
    if (schedule.rung_reached(point) != top) continue;
    std::vector<double> values;
    for (const Objective& objective : sweep.objectives) {
      const double value = schedule.value(point, top, objective).value_or(std::nan(""));
      values.push_back(objective.larger_is_better ? -value : value);
    }
    if (std::none_of(values.begin(), values.end(), [](double value) { return std::isnan(value); }))
      points.emplace_back(point, std::move(values));
  }
  std::vector<int64_t> front;
  for (const auto& [point, values] : points) {
    const bool dominated =
        std::any_of(points.begin(), points.end(), [&values = values](const auto& other) {
          bool better = false;
          for (size_t i = 0; i < values.size(); ++i) {
            if (other.second[i] > values[i]) return false;
            better = better || other.second[i] < values[i];
          }
          return better;
        });
    if (!dominated) front.push_back(point);
  }
  return front;
}

std::string trials_csv(const SweepConfig& sweep, const ScheduleOfTrials& schedule) {
  const std::vector<std::string> keys = all_keys(sweep, schedule);
  std::set<std::string> figures;
  for (const PointState& point : schedule.points()) {
    for (const TrialState& trial : point.trials) {
      for (const auto& [rung, values] : trial.figures) {
        for (const auto& [name, value] : values) figures.insert(name);
      }
    }
  }
  figures.erase("step");
  std::string text = "point,repeat,step";
  for (const std::string& key : keys) text += "," + quoted(key);
  for (const std::string& name : figures) text += "," + quoted(name);
  text += ",failure\n";
  for (size_t p = 0; p < schedule.points().size(); ++p) {
    const PointState& point = schedule.points()[p];
    for (size_t repeat = 0; repeat < point.trials.size(); ++repeat) {
      const TrialState& trial = point.trials[repeat];
      const std::map<std::string, double> none,
          &last = trial.figures.empty() ? none : trial.figures.rbegin()->second;
      const auto figure = [&](const std::string& name) {
        return last.count(name) > 0 ? fmt::format("{}", last.at(name)) : std::string();
      };
      text += fmt::format("{},{},{}", p, repeat, figure("step"));
      for (const std::string& key : keys) {
        const std::string* value = point.point.find(key);
        text += "," + (value == nullptr ? "" : quoted(*value));
      }
      for (const std::string& name : figures) text += "," + figure(name);
      text += "," + quoted(trial.failure) + "\n";
    }
  }
  return text;
}

void write_sweep_report(const SweepConfig& sweep, const ScheduleOfTrials& schedule,
                        const TrialFiles& files) {
  data::write_file_atomically(sweep.dir + "/trials.csv", trials_csv(sweep, schedule));
  data::write_file_atomically(sweep.dir + "/sweep.html", sweep_html(sweep, schedule, files));
  if (const std::optional<int64_t> best = schedule.best())
    data::write_file_atomically(sweep.dir + "/best.yaml", best_yaml(sweep, schedule, *best));
  // Beside each training's curves: tensorboard --logdir <sweep.dir>/trials shows them as
  // hyperparameters.
  for (int64_t point = 0; point < static_cast<int64_t>(schedule.points().size()); ++point) {
    const PointState& state = schedule.points()[static_cast<size_t>(point)];
    for (int64_t repeat = 0; repeat < static_cast<int64_t>(state.trials.size()); ++repeat) {
      const TrialState& trial = state.trials[static_cast<size_t>(repeat)];
      if (trial.figures.empty()) continue;
      const std::string folder =
          files.trial_dir({.point = point, .repeat = repeat}) + "/tensorboard_hparams";
      trainer::remove_event_files(folder);
      trainer::TensorBoardEvents events(folder);
      events.hyperparameters(state.point.values);
      for (const auto& [name, value] : trial.figures.rbegin()->second) {
        if (name != "step")
          events.scalar("sweep/" + name,
                        static_cast<int64_t>(trial.figures.rbegin()->second.at("step")),
                        static_cast<float>(value));
      }
      events.flush();
    }
  }
}

}  // namespace candor::launch
