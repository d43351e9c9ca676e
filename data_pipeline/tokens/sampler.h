// This decides which examples come in which order, and which rank computes which micro-batch.
// Everything here is a pure function of its arguments: every rank calls it and gets the same
// answer; nothing but assign_micro_batches knows that there are ranks.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "data_pipeline/tokens/token_data.h"

namespace candor::data {

// The indices of the examples of one split rise; the ungraded ones are left out if graded_only.
std::vector<int64_t> examples_of_split(const TokenData& data, std::string_view split,
                                       bool graded_only);

// This is the order of the examples in one epoch. It is Fisher-Yates (Durstenfeld 1964) from the
// last element down. The k-th draw is output k of SplitMix64 (Steele, Lea, Flood 2014) started at
// mix(mix(seed + gamma) + epoch), reduced to [0, i] by rejection, so that every order is equally
// likely. No library generator is used: the order is part of a run's identity and may not change
// with the compiler.
std::vector<int64_t> epoch_order(uint64_t seed, int64_t epoch, std::span<const int64_t> examples);

// Ranks are balanced by tokens: the longest micro-batch (of equal ones that of the lower index)
// goes first, and each goes to the rank with the fewest tokens so far (of equal ones that with
// fewer micro-batches, then the lower rank). The most loaded rank has at most 4/3 of the best
// possible (Graham 1969). With fewer micro-batches than ranks, some ranks get none. Throws
// std::invalid_argument for world_size < 1.
std::vector<int> assign_micro_batches(std::span<const int64_t> tokens_per_micro_batch,
                                      int world_size);

}  // namespace candor::data
