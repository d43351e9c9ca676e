// Whether a sweep's objective can be measured at all on a validation split.
#pragma once

#include <cstdint>
#include <string>

#include "data_pipeline/tokens/token_data.h"

namespace candor::launch {

// Why this validation figure isn't defined on the first `most_examples` (0: all) graded validation
// examples; "" if it is.
std::string why_undefined(const std::string& metric, const data::TokenData& data,
                          int64_t most_examples);

}  // namespace candor::launch
