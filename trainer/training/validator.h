// Measures the adapter on the run's validation examples, and warns when its confidences collapse
// (collapse_guard.h).
//
// Collective: validate(), on every rank. The same figures for any number of ranks.
#pragma once

#include <cstdint>
#include <vector>

#include "trainer/base_cache/frozen_trunk.h"
#include "trainer/training/collapse_guard.h"
#include "trainer/training/train_context.h"

namespace candor::trainer {

class Validator {
 public:
  // Throws std::invalid_argument where there is no example to validate on.
  explicit Validator(const TrainContext& context);

  // fraction_done: of the run's steps. trunk: null where all layers are computed.
  ValidationFigures validate(const LoraAdapter& adapter, const FrozenTrunk* trunk,
                             double fraction_done);

  const std::vector<int64_t>& examples() const { return examples_; }
  const ValidationFigures& last() const { return last_; }

 private:
  const TrainContext& context_;
  std::vector<int64_t> examples_;
  ValidationFigures last_;
};

}  // namespace candor::trainer
