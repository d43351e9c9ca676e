#include "launch/sweep/sweep_names.h"

#include "trainer/training/validation_figures.h"

namespace candor::launch {

std::map<std::string, bool> sweep_metrics() {
  std::map<std::string, bool> metrics;
  for (const trainer::ValidationEntry& entry : trainer::validation_table()) {
    if (entry.better != trainer::Better::kNeither)
      metrics[entry.name] = entry.better == trainer::Better::kHigher;
  }
  return metrics;
}

std::string method_name(SearchMethod method) {
  for (const auto& [name, value] : kSearchMethods) {
    if (value == method) return name;
  }
  return "";
}

std::string halving_name(Halving halving) {
  for (const auto& [name, value] : kHalvings) {
    if (value == halving) return name;
  }
  return "";
}

}  // namespace candor::launch
