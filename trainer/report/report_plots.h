// The drawings of the report, each a string of inline SVG.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "trainer/report/report.h"

namespace candor::trainer {

std::string reliability_plots(
    const ReportInput& input);  // one a read-out, before and after in each
std::string histogram_plots(const ReportInput& input);
std::string ranking_plots(const ReportInput& input);                  // ROC and risk-coverage
std::string training_plots(const std::vector<TrainingPoint>& curve);  // empty without points

// The step whose checkpoint became the adapter: the first with the lowest tokenized Brier score on
// validation. 0 if the curve doesn't say.
int64_t kept_step(const std::vector<TrainingPoint>& curve);

}  // namespace candor::trainer
