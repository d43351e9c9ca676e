// Which examples, in which order, and which rank computes which micro-batch. Everything here is a
// pure function of its arguments: every rank calls it and gets the same answer; nothing but
// assign_micro_batches knows that there are ranks.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "data_pipeline/tokens/token_data.h"

namespace candor::data {

// Indices of the examples of one split, ascending; without the ungraded ones if graded_only.
std::vector<int64_t> examples_of_split(const TokenData& data, std::string_view split,
                                       bool graded_only);

// The examples in the order of one epoch: Fisher-Yates (Durstenfeld 1964) from the last element
// down. The k-th draw is output k of SplitMix64 (Steele, Lea, Flood 2014) started at mix(mix(seed +
// gamma) + epoch), reduced to [0, i] by rejection, so that every order is equally likely. No
// library generator is used: the order is part of a run's identity and may not change with the
// compiler.
std::vector<int64_t> epoch_order(uint64_t seed, int64_t epoch, std::span<const int64_t> examples);

// Rank of each micro-batch, balanced by tokens: longest first (ties: lower index), each to the rank
// with the fewest tokens so far (ties: fewer micro-batches, then lower rank). Within 4/3 of the
// best possible (Graham 1969). With fewer micro-batches than ranks, some ranks get none.
// Throws std::invalid_argument for world_size < 1.
std::vector<int> assign_micro_batches(std::span<const int64_t> tokens_per_micro_batch,
                                      int world_size);

}  // namespace candor::data
