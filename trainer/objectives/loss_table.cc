#include "trainer/objectives/loss_table.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <stdexcept>

#include "trainer/objectives/objective.h"

namespace candor::trainer {
namespace {

// A loss of the levels alone.
template <double (*loss)(std::span<const double>, double, std::span<double>)>
double of_levels(std::span<const double> f_K, double y, double /*log_normalizer*/,
                 std::span<double> gradient_K) {
  return loss(f_K, y, gradient_K);
}

}  // namespace

const std::vector<LossEntry>& loss_table() {
  static const std::vector<LossEntry> table = {
      {Loss::kTokenizedBrier, "tokenized_brier", of_levels<tokenized_brier>},
      {Loss::kExpectationLogLoss, "expectation_log_loss", of_levels<expectation_log_loss>},
      {Loss::kMeanBrier, "mean_brier", of_levels<mean_brier>},
      {Loss::kSoftTarget, "soft_target", soft_target, /*reads_vocabulary=*/true}};
  return table;
}

const LossEntry& entry_of(Loss loss) {
  return *std::find_if(loss_table().begin(), loss_table().end(),
                       [&](const LossEntry& entry) { return entry.loss == loss; });
}

std::vector<std::string> loss_names() {
  std::vector<std::string> names;
  for (const LossEntry& entry : loss_table()) names.emplace_back(entry.name);
  return names;
}

Loss loss_from_name(const std::string& name) {
  for (const LossEntry& entry : loss_table()) {
    if (name == entry.name) return entry.loss;
  }
  throw std::invalid_argument(fmt::format("objective: unknown loss '{}': expected one of {}", name,
                                          fmt::join(loss_names(), ", ")));
}

const char* loss_name(Loss loss) { return entry_of(loss).name; }

}  // namespace candor::trainer
