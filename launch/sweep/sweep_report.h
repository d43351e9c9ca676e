// What a sweep leaves behind: sweep.html, trials.csv, best.yaml and TensorBoard's hyperparameters,
// all in sweep.dir.
#pragma once

#include <string>

#include "launch/sweep/schedule_of_trials.h"
#include "launch/sweep/trial_files.h"

namespace candor::launch {

// Throws std::system_error.
void write_sweep_report(const SweepConfig& sweep, const ScheduleOfTrials& schedule,
                        const TrialFiles& files);

// Points that no other is better than in one objective and at least as good in all; of those that
// came to the last rung.
std::vector<int64_t> pareto_front(const SweepConfig& sweep, const ScheduleOfTrials& schedule);

// The config of this point, ready for `candor run`.
RunConfig best_config(const SweepConfig& sweep, const ScheduleOfTrials& schedule, int64_t best);

// One line a training: point, repeat, steps, the values of every key of the space, every figure,
// why it failed.
std::string trials_csv(const SweepConfig& sweep, const ScheduleOfTrials& schedule);

std::string sweep_html(const SweepConfig& sweep, const ScheduleOfTrials& schedule,
                       const TrialFiles& files);

}  // namespace candor::launch
