// The drawings of the report, each a string of inline SVG.
#pragma once

#include <string>
#include <vector>

#include "trainer/report/report.h"

namespace candor {

std::string reliability_plots(const ReportInput& input);  // one a read-out, before and after in each
std::string histogram_plots(const ReportInput& input);
std::string ranking_plots(const ReportInput& input);                  // ROC and risk-coverage
std::string training_plots(const std::vector<TrainingPoint>& curve);  // empty without points

}  // namespace candor
