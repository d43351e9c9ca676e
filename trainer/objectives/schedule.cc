#include "trainer/objectives/schedule.h"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

namespace candor::trainer {

std::vector<LossWeight> objective_weights(const std::vector<ObjectiveStage>& stages, int64_t step,
                                          int64_t max_steps) {
  if (stages.empty()) throw std::invalid_argument("objective: no stage: name at least one loss");
  const double done = static_cast<double>(step) / static_cast<double>(max_steps);
  double begin = 0;
  for (size_t k = 0; k < stages.size(); ++k) {
    const ObjectiveStage& stage = stages[k];
    const bool last = k + 1 == stages.size();
    const double end = last ? 1.0 : stage.until;
    if (end <= begin || end > 1.0 || (k > 0 && stage.ramp_to > end)) {
      throw std::invalid_argument(fmt::format(
          "objective: stage {} must end after {} and at most at 1, got {}", k + 1, begin, end));
    }
    if (done < end || last) {
      if (k == 0 || stage.ramp_to <= begin || done >= stage.ramp_to) return {{stage.loss, 1.0}};
      const double share = (done - begin) / (stage.ramp_to - begin);
      return {{stages[k - 1].loss, 1.0 - share}, {stage.loss, share}};
    }
    begin = end;
  }
  return {{stages.back().loss, 1.0}};
}

bool has_soft_target(const std::vector<LossWeight>& losses) {
  return std::any_of(losses.begin(), losses.end(), [](const LossWeight& part) {
    return entry_of(part.loss).reads_vocabulary && part.weight > 0;
  });
}

}  // namespace candor::trainer
