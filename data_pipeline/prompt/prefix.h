// The tokens that every example of a prompt group begins with: computed once per micro-batch
// instead of once per example.
// The cut is made on token ids, after the whole text was tokenised, so it can't change what any
// example says.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "data_pipeline/prompt/prompt.h"

namespace candor::data {

// Length of the longest common prefix of all examples, short enough that every suffix keeps at
// least one token and the row which predicts the first response token. 0 for no examples.
size_t common_prefix_length(std::span<const PromptBuilder::Scored> examples);

}  // namespace candor::data
