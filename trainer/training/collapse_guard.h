// Watches, on a small validation set, whether the model still tells examples apart, and says in
// plain words when it doesn't: when its confidences have collapsed (collapse.h), or are about to,
// which shows in the entropy of q.
#pragma once

#include <optional>
#include <string>

#include "trainer/training/validation_figures.h"

namespace candor::trainer {

// What is wrong and what to change; nothing while all is well. `fraction_done` of the run: early
// on, little spread is normal.
std::optional<std::string> collapse_message(const ValidationFigures& figures, double fraction_done,
                                            bool tokenized_brier_alone);

}  // namespace candor::trainer
