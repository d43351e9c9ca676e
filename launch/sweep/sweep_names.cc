#include "launch/sweep/sweep_names.h"

namespace candor::launch {

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
