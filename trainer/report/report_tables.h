// The tables of report.html, as HTML. A table wider than the page scrolls sideways under its first
// column.
#pragma once

#include <string>
#include <vector>

#include "trainer/report/report.h"

namespace candor::trainer {

std::string main_table(const ReportInput& input);  // before, after, baselines, other recipes
std::string distribution_table(const ReportInput& input);  // what lies on the confidence tokens
std::string bin_tables(const ReportInput& input);          // the numbers of the reliability plots
std::string dataset_table(const ReportInput& input);
std::string example_table(const std::vector<ExampleRow>& examples);

}  // namespace candor::trainer
