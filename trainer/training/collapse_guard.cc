#include "trainer/training/collapse_guard.h"

#include <fmt/format.h>

#include "trainer/evaluation/collapse.h"

namespace candor::trainer {
namespace {

// With hardly any entropy a level's gradient vanishes, so that what little spread there is stays.
bool is_stuck(const ValidationFigures& figures) {
  return figures.entropy < 0.05 && figures.spread < 0.08;
}

}  // namespace

std::optional<std::string> collapse_message(const ValidationFigures& figures, double fraction_done,
                                            bool tokenized_brier_alone) {
  if (fraction_done < 0.25) return std::nullopt;
  if (!have_collapsed(figures.distinct_levels, figures.spread) && !is_stuck(figures))
    return std::nullopt;
  return fmt::format(
      "the confidences are collapsing: {} level{} said, spread of E {:.3f}, mean entropy of q "
      "{:.3f}. {}",
      figures.distinct_levels, figures.distinct_levels == 1 ? "" : "s", figures.spread,
      figures.entropy,
      tokenized_brier_alone ? "Tokenized Brier from scratch often ends so: leave `objective` out "
                              "(the default schedule comes to tokenized Brier last)"
                            : "Try a later ramp in `objective`, all seven lora.modules, a higher "
                              "train.learning_rate or more train.max_steps");
}

}  // namespace candor::trainer
