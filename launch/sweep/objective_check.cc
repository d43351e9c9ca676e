#include "launch/sweep/objective_check.h"

#include <fmt/format.h>

#include <algorithm>

#include "data_pipeline/tokens/sampler.h"
#include "trainer/training/validation_figures.h"

namespace candor::launch {

std::string why_undefined(const std::string& metric, const data::TokenData& data,
                          int64_t most_examples) {
  std::vector<int64_t> examples = data::examples_of_split(data, "validation", /*graded_only=*/true);
  if (most_examples > 0)
    examples.resize(std::min(examples.size(), static_cast<size_t>(most_examples)));
  if (examples.empty()) {
    return fmt::format(
        "sweep.objective {} can't be measured: the validation split has no graded example; check "
        "data.questions, data.max_validation and the grader",
        metric);
  }
  double right = 0;  // a grade may lie between
  for (const int64_t i : examples) right += data.examples[static_cast<size_t>(i)].target;
  const bool one_class = right == 0 || right == static_cast<double>(examples.size());
  for (const trainer::ValidationEntry& entry : trainer::validation_table()) {
    if (entry.name != metric || !entry.needs_both_classes || !one_class) continue;
    return fmt::format(
        "sweep.objective {} isn't defined: one class in validation, because all {} answers are {}; "
        "choose another metric, or validation questions of which the model answers some right and "
        "some wrong",
        metric, examples.size(), right == 0 ? "wrong" : "right");
  }
  return "";
}

}  // namespace candor::launch
