// The words of a sweep's YAML file: search methods, ways of halving, and the figures of a
// validation that can be its objective.
#pragma once

#include <map>
#include <string>

#include "launch/sweep/sweep_config.h"

namespace candor::launch {

inline const std::map<std::string, SearchMethod> kSearchMethods = {
    {"grid", SearchMethod::kGrid},
    {"random", SearchMethod::kRandom},
    {"sobol", SearchMethod::kSobol},
    {"tpe", SearchMethod::kTpe},
    {"points", SearchMethod::kPoints}};
inline const std::map<std::string, Halving> kHalvings = {{"none", Halving::kNone},
                                                         {"synchronous", Halving::kSynchronous},
                                                         {"asynchronous", Halving::kAsynchronous}};
// The validation figures that have a better side; true means that a larger one is better.
std::map<std::string, bool> sweep_metrics();

std::string method_name(SearchMethod method);
std::string halving_name(Halving halving);

}  // namespace candor::launch
